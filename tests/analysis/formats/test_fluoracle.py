"""Fluoracle text: real files as the instrument's software wrote them, and the ways other computers bend them.

Files are made here line by line, from the layout of real ones; the code under test has no part in it.
"""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.formats import Spectrum, read
from analysis.formats.fluoracle import field, is_fluoracle, write_fluoracle

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "fluoracle"
HEADER = {
    "Labels": "film",
    "Type": "Emission Scan",
    "Comment": "",
    "Start": "420.00",
    "Stop": "424.00",
    "Step": "0.500",
    "Fixed/Offset": "405.00",
    "Xaxis": "Wavelength",
    "Yaxis": "Counts",
    "Scan Corr. by File": "False",
    "Corr. by Ref. Det.": "False",
    "Repeats": "1",
    "Dwell Time": "0.30",
    "Lamp": "Xenon",
    "Scan Slit": "1.0003114",
    "Fixed/Offset Slit": "0.9998331",
    "Detector": "Detector 1",
}
X = np.arange(420, 424.25, 0.5)
Y = np.arange(9) * 1.25 + 3


def sample(name: str) -> Path:
    if not (SAMPLES / name).exists():
        pytest.skip(f"the Fluoracle sample file {name} is not there")
    return SAMPLES / name


def export(curves=((HEADER, Y),), x=X, *, separator="\t", end="\n", trailing=True, title=None, comma=False) -> str:
    """The text of an export: (header, values) for each curve, all over the same axis."""
    keys = list(dict.fromkeys(key for header, _ in curves for key in header))
    rows = [[key, *(header.get(key, "") for header, _ in curves)] for key in keys]
    values = [[f"{x_:.3f}", *("" if np.isnan(y[i]) else f"{y[i]:.8E}" for _, y in curves)] for i, x_ in enumerate(x)]
    lines = [[title], []] if title else []
    lines += [[*row, ""] if trailing else row for row in rows] + [[]]
    lines += [[*row, ""] if trailing else row for row in values]
    text = "".join(separator.join(line) + end for line in lines)
    return text.replace(".", ",").replace("Corr,", "Corr.").replace("Ref, Det,", "Ref. Det.") if comma else text


@pytest.fixture
def put(tmp_path):
    def write(content: str | bytes, encoding: str = "ascii") -> Path:
        raw = content if isinstance(content, bytes) else content.encode(encoding)
        (tmp_path / "measurement").write_bytes(raw)
        return tmp_path / "measurement"

    return write


def spectrum(path: Path) -> Spectrum:
    found = read(path)
    assert isinstance(found, Spectrum)
    return found


def refused(path: Path) -> str:
    """The reason, which always begins with the file and a byte in it or at its end."""
    with pytest.raises(ValueError, match="byte") as why:
        read(path)
    place, _, reason = str(why.value).partition(": byte ")
    byte, _, reason = reason.partition(": ")
    assert place == str(path)
    assert 0 <= int(byte) <= path.stat().st_size
    return f"{byte}: {reason}"


@pytest.mark.parametrize(
    ("name", "label", "first", "last", "n"),
    [
        ("F980_EmScan.txt", "EmScan9", (675, 0), (820, 0), 146),
        ("Fluoracle.csv", "DMF_dmso DMC_01", (600, 134.703979), (850, 2446.96704), 251),
        ("Fluoracle_emission.txt", "noSample_emission", (375, 10774.1357), (600, 796.848145), 226),
    ],
)
def test_real_files_give_the_numbers_they_show(name, label, first, last, n):
    found = spectrum(sample(name))
    assert found.counts.shape == (1, n)
    assert (found.wavelength_nm[0], found.counts[0, 0]) == first
    assert (found.wavelength_nm[-1], found.counts[0, -1]) == last
    assert found.labels == (label,)
    assert found.header["Type"] == "Emission Scan"
    assert len(found.header) == 21


def test_real_files_are_written_again_to_the_digit(tmp_path):
    source = sample("Fluoracle.csv")
    write_fluoracle(tmp_path / "again", spectrum(source), separator=",")
    assert (tmp_path / "again").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    "encoding", ["ascii", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "gbk"]
)
@pytest.mark.parametrize(("separator", "comma"), [("\t", False), (",", False), (";", False), (";", True), ("\t", True)])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_curve_is_the_same_however_it_is_written(encoding, separator, comma, end, put):
    label = {"ascii": "film", "gbk": "钙钛矿薄膜"}.get(encoding, "film 5 µm, 25 °C".replace(",", ""))
    marks = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    text = export([(HEADER | {"Labels": label}, Y)], separator=separator, comma=comma, end=end)
    found = spectrum(put(marks + text, encoding))
    assert np.array_equal(found.wavelength_nm, X)
    assert np.array_equal(found.counts, [Y])
    assert found.labels == (label,)
    assert float(found.header["Dwell Time"]) == 0.3


@pytest.mark.parametrize("trailing", [True, False])
@pytest.mark.parametrize("title", [None, "M0", "2024"])
@pytest.mark.parametrize("final_end", [True, False])
def test_title_and_delimiters_at_the_ends_may_be_there_or_not(trailing, title, final_end, put):
    text = export(trailing=trailing, title=title)
    found = spectrum(put(text if final_end else text.removesuffix("\n")))
    assert np.array_equal(found.counts, [Y])
    assert found.header.get("Collection") == title


def test_keys_come_in_any_order_and_unknown_ones_are_kept(put):
    header = {"Operator": "A. B.", **dict(reversed(HEADER.items())), "Humidity": "31"}
    found = spectrum(put(export([(header, Y)])))
    assert found.header == header
    assert found.curves == (header,)


def test_what_a_spreadsheet_saved_again_is_still_a_spectrum(put):
    lines = export(separator=",", trailing=False).splitlines()
    text = "\r\n".join(line or "," for line in [*lines, ",", ","]).replace("film", '"film, new"') + "\r\n"
    found = spectrum(put(text))
    assert np.array_equal(found.counts, [Y])
    assert found.labels == ("film, new",)
    assert spectrum(put(text.replace('"', ""))).labels == ("film,new",)


def test_columns_are_curves_each_with_its_own_header(put):
    corrected = HEADER | {"Labels": "corrected", "Corr. by Ref. Det.": "True", "Dwell Time": "0.30"}
    found = spectrum(put(export([(HEADER, Y), (corrected, 2 * Y)], title="both")))
    assert found.counts.shape == (2, 9)
    assert np.array_equal(found.counts[1], 2 * Y)
    assert found.labels == ("film", "corrected")
    assert found.header["Corr. by Ref. Det."] == ("False", "True")
    assert found.header["Dwell Time"] == "0.30"
    assert [field(curve, "corr. by ref. det.") for curve in found.curves] == ["False", "True"]


def test_a_shorter_curve_has_no_number_where_it_was_not_measured(put):
    short = np.where(X > 422.9, np.nan, Y)
    found = spectrum(put(export([(HEADER | {"Stop": "422.50"}, short), (HEADER, Y)])))
    assert np.array_equal(found.counts, [short, Y], equal_nan=True)
    sparse = np.where(X % 1 == 0, Y, np.nan)
    found = spectrum(put(export([(HEADER, Y), (HEADER | {"Step": "1.00"}, sparse)])))
    assert np.array_equal(found.counts[1], sparse, equal_nan=True)


@pytest.mark.parametrize(("axis", "unit"), [("Time(ns)", "ns"), ("Time(s)", "s"), ("Time", ""), ("Temperature", "")])
def test_a_decay_has_a_time_axis_and_no_wavelength(axis, unit, put):
    header = {"Labels": "IRF", "Type": "Instrument Response Time Scan", "Comment": "", "Start": "0.00"}
    header |= {"Stop": "7.8125000", "Step": "0.97656250", "Fixed/Offset": " ", "XAxis": axis, "YAxis": "Counts"}
    found = spectrum(put(export([(header, Y)], np.round(np.arange(9) * 0.9765625, 3))))
    assert found.x_unit == unit
    assert found.x[1] == 0.977
    assert not hasattr(found, "wavelength_nm")


def test_a_value_that_is_no_number_is_kept_as_none(put):
    text = export().replace("8.00000000E+00", "-1.#IND").replace("9.25000000E+00", "-INF")
    found = spectrum(put(text))
    assert np.isnan(found.counts[0, 4])
    assert found.counts[0, 5] == -np.inf


def test_every_cut_of_a_file_is_noticed(put):
    whole = export()
    for length in range(len(whole) - 1):
        path = put(whole[:length])
        reason = refused(path)
        if is_fluoracle(path) and length > whole.index("420.000"):
            assert "truncated" in reason or "expected" in reason, reason
    cut = whole[: whole.index("422.500\t")]
    assert refused(put(cut)) == f"{len(cut)}: truncated: 5 of 9 points, last at 422 nm"
    assert "truncated: 5 of 9 points, last at 422 nm" in refused(put(cut + "422.500\t9.2"))


def test_a_cut_is_noticed_without_the_announced_range_too(put):
    free = {key: value for key, value in HEADER.items() if key not in ("Start", "Stop", "Step")}
    whole = export([(free, Y)])
    assert spectrum(put(whole)).x.size == 9
    assert "truncated: the last row is '424.000\\t1.3" in refused(put(whole[:-8]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("0.500\t", "0\t"), "Step is 0, expected a number above 0"),
        (("0.500\t", "-0.5\t"), "Step is -0.5, expected a number above 0"),
        (("Stop\t424.00", "Stop\t410"), "Stop is 410, expected at least 420, where it starts"),
        (("Stop\t424.00", "Stop\t430"), "truncated: 9 of 21 points, last at 424 nm"),
        (("Stop\t424.00", "Stop\t423"), "9 points, expected 7, the last at 423"),
        (("0.500\t", "1.00\t"), "a point at 420.5, expected 421, 1 steps of 1 from 420"),
        (("422.000", "421.000"), "421 after 421.5, expected rows that ascend"),
        (("422.000", "nan"), "found 'nan', expected a number"),
        (("422.000\t", "stopped by user\n422.000\t"), "found 'stopped by user', expected a number"),
        (("422.000\t", "\n422.000\t"), "found '', expected a number"),
        (("4.25000000E+00", "4.25.0"), "found '4.25.0', expected a number"),
        (("4.25000000E+00", "1_0"), "found '1_0', expected a number"),
        (("4.25000000E+00", "٤"), "found '٤', expected a number"),
        (("4.25000000E+00", "4.25\t7"), "2 values, expected 1, one for each curve of the header"),
        (("4.25000000E+00", "4.2\x005"), "found a zero, expected text"),
        (("Lamp\tXenon", "Step\t0.5"), "'Step' is there twice, expected once"),
        (("4.25000000E+00", "9" * 100_000), "found '9999999999999999999999999999999999999999', expected a number"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_byte(change, reason, put):
    text = export()
    assert change[0] in text
    changed = text.replace(change[0], change[1], 1)
    found = refused(put(changed, "utf-8"))
    assert found.endswith(reason)
    assert "truncated" in found or "points" in reason or int(found.partition(":")[0]) > 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "gbk"])
def test_the_byte_is_the_one_of_the_line_in_every_encoding(encoding, put):
    label = "薄膜" if encoding == "gbk" else "µ"
    text = export([(HEADER | {"Labels": label}, Y)], end="\r\n").replace("422.000", "4x2.000")
    path = put(text, encoding)
    byte = int(refused(path).partition(":")[0])
    codec = "utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")
    assert path.read_bytes()[byte:].startswith("4x2.000".encode(codec))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "0: found nothing"),
        (b"Labels\tfilm\t\n", "0: found b'Labels"),
        (export()[: export().index("420.000")].encode(), "the file ends after its header, expected rows of numbers"),
        (b"\xff\xfe" + export().encode("utf-16-le")[:-1], "expected utf-16-le text, as the first bytes announce"),
        (b"\xef\xbb\xbf" + export().encode() + b"\xff", "expected utf-8 text, as the first bytes announce"),
        (b"Type\t\nStart\t\nStep\t\n1\n2\n", "rows of one number, expected a value beside it"),
        (b"1\t2\n" + export().encode(), "0: found '1', expected a key of the header"),
    ],
    ids=["empty", "one row", "header only", "utf-16 cut", "utf-8 broken", "no values", "numbers first"],
)
def test_what_is_no_export_is_refused(content, reason, put):
    assert reason in refused(put(content))


def test_a_header_of_50_000_curves_costs_nothing(put):
    text = export().replace("Type\tEmission Scan", "Type" + "\tEmission Scan" * 50_000)
    assert "no points of curve 2" in refused(put(text))
    wide = export().replace("Lamp\tXenon", "Lamp" + "\t1" * 5_000)
    assert "5000 curves of 9 points, but most values are missing" in refused(put(wide))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Start\t1\nStop\t2\nStep\t1\n" + b"1\n" * 5_000_000, "expected at most 262144 lines"),
        (b"Start\t\nStop\t\nStep\t\n" + b"".join(b"k%d\t1\n" % i for i in range(200_000)), "at most 1000 rows"),
        (b"Start\t1\nStop\t2\nStep\t1\n" + b"1" * 5_000_000, "the file ends after its header"),
        (b"Start\t1\nStop\t2\nStep\t1\n" + b"\t" * 5_000_000, "the file ends after its header"),
        (b"Start\t1\nStop\t2\nStep\t1\n" + b"\t" * (1 << 24), "expected a text of 1 to 16777216 bytes"),
    ],
    ids=["rows", "keys", "a number", "delimiters", "size"],
)
def test_a_file_of_monstrous_size_is_refused_without_waiting(content, reason, put):
    assert reason in refused(put(content))


def test_curves_come_back_as_they_were_written(tmp_path):
    rng = np.random.default_rng(1)
    header = {"Type": "Excitation Scan", "Corr. by Ref. Det.": ("True", "False"), "Dwell Time": "1.5", "Who": "x"}
    counts = rng.poisson(1000, (2, 31)) * rng.random((2, 1))
    counts[1, 20:] = np.nan
    for separator, decimal, encoding in (("\t", ".", "utf-16"), (";", ",", "utf-8-sig"), (",", ".", "gbk")):
        written = Spectrum(np.linspace(450, 465, 31), counts, header | {"Collection": "night"})
        write_fluoracle(tmp_path / "x", written, separator=separator, decimal=decimal, encoding=encoding)
        found = spectrum(tmp_path / "x")
        np.testing.assert_allclose(found.counts, counts, rtol=1e-8)
        assert np.array_equal(found.x, written.x)
        assert found.header.items() >= written.header.items()
        assert found.header["Stop"] == ("465.00", "459.50")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x": np.array([2.0, 1.0])}, "sort the points"),
        ({"x": np.array([1.0, np.nan])}, "sort the points"),
        ({"x": np.arange(3.0)}, r"give \(n,\) and"),
        ({"counts": np.empty((0, 2))}, r"give \(n,\) and"),
        ({"header": {"Labels": "a\tb"}}, "take delimiters and line ends out"),
    ],
)
def test_what_a_file_cannot_hold_is_not_written(change, reason, tmp_path):
    parts = {"x": np.array([1.0, 2.0]), "counts": np.ones((1, 2)), "header": {}} | change
    with pytest.raises(ValueError, match=reason):
        write_fluoracle(tmp_path / "x", Spectrum(**parts))
    with pytest.raises(ValueError, match="give tab, comma or semicolon"):
        write_fluoracle(tmp_path / "x", Spectrum(np.ones(1), np.ones((1, 1))), separator=",", decimal=",")
    assert not list(tmp_path.iterdir())


PIECES = st.sampled_from(
    [
        "\t",
        ",",
        ";",
        "\n",
        "\r",
        "Start",
        "Stop",
        "Step",
        "Type",
        "Labels",
        "1",
        "2.5",
        "1E999",
        "-0",
        "nan",
        "µ",
        "\0",
        '"',
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=60), st.sampled_from(["utf-8", "utf-16", "cp1252"]))
def test_no_text_is_anything_but_a_spectrum_or_refused(pieces, encoding):
    check(("Type\tx\t\nStart\t1\t\nStep\t1\t\n" + "".join(pieces)).encode(encoding))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_damage_is_anything_but_a_spectrum_or_refused(data):
    raw = bytearray(export(title="M").encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    check(bytes(raw))


def check(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(raw)
        try:
            found = spectrum(path)
        except ValueError as why:
            assert str(path) in str(why)
        else:
            assert found.counts.shape == (len(found.curves), found.x.size)
            assert (np.diff(found.x) > 0).all()

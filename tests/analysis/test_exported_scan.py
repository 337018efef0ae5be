"""An exported file as rows of a run."""

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.exported_scan import exported_scan
from analysis.formats.fluoracle import read_fluoracle, write_fluoracle
from analysis.formats.photons import Spectrum

AXIS_NM = np.arange(500.0, 504.0)
HEADER = {
    "Labels": "A", "Type": "Emission Scan", "Fixed/Offset": 405, "Xaxis": "Wavelength", "Yaxis": "Counts",
    "Scan Corr. by File": "False", "Corr. by Ref. Det.": "False", "Fixed/Offset Corr. by File": "False",
    "Repeats": 1, "Dwell Time": 0.5, "Scan Slit": 2.0, "Fixed/Offset Slit": 1.0,
}  # fmt: skip
CORRECTED = {"Scan Corr. by File": "True", "Corr. by Ref. Det.": "True"}
THROUGH = {"Type": "Synchronous Scan", "Fixed/Offset": 0}


def export(tmp_path: Path, *curves: list[float], axis_nm=AXIS_NM, **header) -> Spectrum:
    """Curves by way of a file; a list in the header holds a value for each of them."""
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in (HEADER | header).items()}
    write_fluoracle(tmp_path / "export.txt", Spectrum(axis_nm, np.array(curves, float), told))
    return read_fluoracle(tmp_path / "export.txt")


def column(found, key):
    return [row[f"fs5_{key}"] for row in found.rows]


def test_an_emission_scan_tells_its_settings(tmp_path):
    found = exported_scan(export(tmp_path, [1, 2, 3, 4]))
    assert found.settings == {
        "kind": "emission", "start_nm": 500, "stop_nm": 503, "step_nm": 1, "fixed_nm": 405,
        "excitation_slit_nm": 1, "emission_slit_nm": 2, "dwell_s": 0.5,
    }  # fmt: skip
    assert column(found, "counts") == [1, 2, 3, 4] and all(map(math.isnan, column(found, "corrected")))


def test_the_slits_of_an_excitation_scan_are_the_other_way_round(tmp_path):
    settings = exported_scan(export(tmp_path, [1, 2, 3, 4], Type="Excitation Scan")).settings
    assert (settings["excitation_slit_nm"], settings["emission_slit_nm"]) == (2, 1)


@pytest.mark.parametrize(("counts_are", "counts", "rate"), [("per dwell", 100, 440), ("per second", 50, 220)])
def test_a_raw_and_a_corrected_curve_are_one_scan(tmp_path, counts_are, counts, rate):
    flags = {key: ["False", "True"] for key in CORRECTED}
    found = exported_scan(
        export(tmp_path, [100] * 4, [220] * 4, Labels=["A", "A corr"], **flags), counts_are=counts_are
    )
    assert found.repeats == 1
    assert column(found, "counts") == [counts] * 4 and column(found, "corrected") == [rate] * 4
    np.testing.assert_allclose(column(found, "correction"), 2.2)  # rate = counts / 0.5 s x 2.2


def test_curves_of_one_label_are_repeats_and_of_several_must_be_chosen(tmp_path):
    assert exported_scan(export(tmp_path, [1] * 4, [2] * 4)).repeats == 2
    several = export(tmp_path, [1] * 4, [2] * 4, [3] * 4, Labels=["A", "B", "C"])
    with pytest.raises(ValueError, match=r"curves of 1 \(A\), 2 \(B\), 3 \(C\): choose one, curves=1"):
        exported_scan(several)
    assert column(exported_scan(several, curves=2), "counts") == [2] * 4
    assert column(exported_scan(several, curves=(1, 3)), "counts") == [1] * 4 + [3] * 4


@pytest.mark.parametrize("curves", [0, 3, (1, 1), (), 1.5, (1, 4), "1"])
def test_curves_that_are_not_there_are_refused(tmp_path, curves):
    with pytest.raises(ValueError, match=r"give different numbers of 1 \(A\), 2 \(A\)"):
        exported_scan(export(tmp_path, [1] * 4, [2] * 4), curves=curves)


def test_a_chosen_curve_keeps_its_own_axis(tmp_path):
    nan = math.nan
    both = export(
        tmp_path, [1, 2, 3, 4, 5, 6], [nan, 10, nan, 30, nan, nan], axis_nm=np.arange(500.0, 506.0), Labels=["A", "B"],
        Start=["500", "501"], Stop=["505", "503"], Step=["1", "2"],
    )  # fmt: skip
    found = exported_scan(both, curves=2)
    assert column(found, "wavelength") == [501, 503] and column(found, "counts") == [10, 30]
    assert found.settings["step_nm"] == 2


def test_pairs_that_nobody_can_tell_are_refused(tmp_path):
    flags = {key: ["False", "False", "True"] for key in CORRECTED}
    with pytest.raises(ValueError, match="2 raw and 1 corrected curves: which belong together"):
        exported_scan(export(tmp_path, [1] * 4, [2] * 4, [3] * 4, **flags))


def test_an_absorbance_is_told_as_what_is_let_pass(tmp_path):
    found = exported_scan(export(tmp_path, [0, 1, 2, -1], Yaxis="Absorbance", **THROUGH))
    assert found.settings["kind"] == "transmission"
    np.testing.assert_allclose(column(found, "transmitted"), [1, 0.1, 0.01, 10])
    assert column(found, "reference") == [1] * 4


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"Type": "Kinetic Scan"}, "Type is Kinetic Scan"),
        ({"Type": "Synchronous Scan", "Fixed/Offset": 20}, "Fixed/Offset is 20 nm: a synchronous scan"),
        ({"Yaxis": "Absorbance"}, "Yaxis is Absorbance, expected Counts"),
        ({"Yaxis": "Absorbance", "Labels": "film absorptance", **THROUGH}, "an absorptance by its label"),
        ({"Dwell Time": "long"}, "Dwell Time is long"),
        ({"Scan Slit": ""}, "Scan Slit is not told"),
        ({"Xaxis": "Time(ns)"}, "the axis is in ns"),
    ],
)
def test_what_is_no_such_scan_is_refused(tmp_path, header, problem):
    with pytest.raises(ValueError, match=problem):
        exported_scan(export(tmp_path, [1, 2, 3, 4], **header))


def test_curves_of_different_scans_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"differ in Fixed/Offset \(405, 450\)"):
        exported_scan(export(tmp_path, [1] * 4, [2] * 4, **{"Fixed/Offset": ["405", "450"]}))


def test_what_the_numbers_are_must_be_one_of_two(tmp_path):
    with pytest.raises(ValueError, match="must be one of per dwell, per second"):
        exported_scan(export(tmp_path, [1] * 4), counts_are="cps")  # type: ignore[arg-type]

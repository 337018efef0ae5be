from dataclasses import asdict

import pytest

from devices.iocs.twin import preset as presets
from devices.iocs.twin.schema import PresetError

A = (presets.FOLDER / "A.toml").read_text()


def test_all_built_in_presets_load_and_share_one_instrument():
    loaded = [presets.load(name) for name in presets.names()]
    assert presets.names() == (
        "A", "B", "C", "D", "bare_qds", "bright_qd", "example_qd", "film2", "film3", "glass", "halide_qds",
        "pixel1", "pixel2", "single", "undoped",
    )  # fmt: skip
    assert all(one.instrument == loaded[0].instrument for one in loaded)
    assert [one.name for one in loaded] == list(presets.names())


def test_a_file_only_states_what_differs_from_its_base(preset_file):
    changed = preset_file('base = "A"\n[instrument.drift]\ntypical_um_per_1000s = 1.4\n')
    expected = asdict(presets.load("A"))
    expected["instrument"]["drift"]["typical_um_per_1000s"] = 1.4
    assert asdict(changed) == expected


def test_a_base_may_be_a_file_beside_it(preset_file):
    preset_file('base = "B"\nname = "mine"\n', name="first")
    assert preset_file('base = "first.toml"\n', name="second").name == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[sample.qd]\ncluster_densty_um2 = 1",
            r"unknown key sample\.qd\.cluster_densty_um2.*mean cluster_density_um2",
        ),
        ("[instrument.card]\nserial = 3", r"instrument\.card\.serial = 3: allowed is text"),
        ('[instrument.drift]\nkind = "w"', r"instrument\.drift\.kind = 'w': allowed is 'wander' or"),
        ("[sample.perovskite]\ntau1_ns = [1.9]", r"tau1_ns = \[1\.9\]: allowed is a list of 2 numbers"),
        ("[sample.perovskite]\nshare1 = [0.5, 1.2]", r"share1 = \[0\.5, 1\.2\].*0\.\.1"),
        ("[sample.qd]\nmean_cps = nan", r"sample\.qd\.mean_cps = nan: allowed is a number in 0\.\."),
        ("[sample.qd]\nmean_cps = true", r"sample\.qd\.mean_cps = True"),
        ("[sample.qd]\ninfluence = 0.5", r"influence = 0\.5: allowed is a whole number in -1\.\.1"),
        ("[instrument.piezo]\naxis_sign = [0, 1]", r"axis_sign = \(0, 1\): allowed is 1 or -1"),
        ("[instrument.laser]\nrepetition_hz = 3e6", r"repetition_hz = 3000000\.0: allowed is one of"),
        ("[instrument.laser]\nfront_panel_hz = 5", r"front_panel_hz = 5\.0: allowed is 0 or"),
        ('[sample.blinking]\non_law = "poisson"', r"on_law = 'poisson': allowed is 'exponential' or 'power'"),
        ("[sample.blinking]\noff_s = [2, 0.002]", r"off_s = \(2\.0, 0\.002\): allowed is the shortest first"),
        ("[sample.qd]\nheights = [0.6, 0.4]", r"heights = \(0\.6, 0\.4\): allowed is lowest first"),
        ("sample = 3", r"sample = 3: it must be a table"),
        ("[instrument.card", r"not complete TOML"),
    ],
)
def test_wrong_values_are_refused_with_their_key(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(f'base = "A"\n{text}')
    with pytest.raises(PresetError, match=f"wrong.toml: .*{message}"):
        presets.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "Q"', r"Q: no such file; the built-in presets are A, B"),
        ("base = 3", r"base = 3: give the name of a preset or a file"),
        ('base = "wrong.toml"', r"cannot rest on itself"),
        ('name = "x"\n[sample]\ndoping_percent = 1', r"missing key sample\.thickness_nm; allowed is a number in"),
        ('name = "x"', r"missing key sample; allowed is a table with doping_percent"),
        (A[: A.index("film_index")] + "film_index = ", r"not complete TOML"),
        ("\x00", r"not complete TOML"),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(PresetError, match=message):
        presets.load(path)


def test_missing_files_name_the_built_in_presets(tmp_path):
    with pytest.raises(PresetError, match=r"nowhere\.toml.*undoped"):
        presets.load(tmp_path / "nowhere.toml")

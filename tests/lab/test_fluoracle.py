"""The spectrofluorometer by way of its operator: the same plans, the same results, nothing that was not asked for."""

import pytest

from tests.conftest import house
from tests.lab.crashes import in_own_process
from tests.lab.operators import FILM_ABSORBANCE, PEAK_NM, measure_by_hand


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fluoracle")
    config, exports = house(folder), folder / "exports"
    driver = f'{{backend = "driver", driver = "fluoracle", folder = "{exports}", settle_s = 0.2}}'
    twin = 'spectrofluorometer = {backend = "twin"}'
    assert twin in config.read_text()
    config.write_text(config.read_text().replace(twin, f"spectrofluorometer = {driver}"))
    return in_own_process(measure_by_hand, str(config), str(exports))


def test_the_same_plans_give_results(found):
    peak_nm, peak_err_nm = found["peak"]
    assert peak_nm == pytest.approx(PEAK_NM, abs=5 * peak_err_nm) and peak_err_nm < 0.1
    assert found["absorbance"] == pytest.approx(FILM_ABSORBANCE, abs=0.01)
    assert found["coupled"]


def test_nothing_of_it_is_simulated(found):
    assert set(found["twin"]) == {False}


def test_the_operator_is_told_what_to_do_and_what_was_wrong(found):
    asked, half, wrong = found["told"][:3]
    assert "Emission Scan, emission 480 to 600 nm" in asked and "Export as fs5-" in asked
    assert "truncated" in half and "Dwell Time is 9 s, expected 0.3 s" in wrong


def test_what_cannot_be_done_is_refused_before_a_run_opens(found):
    assert "does not know what is in the chamber" in found["unnamed"]
    assert "is no folder: create it" in found["missing"] and found["opened"] == 0
    assert "calibrate in Fluoracle" in found["calibrate"]


def test_a_request_is_withdrawn_when_nobody_waits_for_it_and_made_again(found):
    assert found["paused"][1] == [] and found["resumed"] == "success"
    assert found["aborted"] == ("abort", []) and found["stored"]


def test_an_ioc_that_dies_while_it_waits_fails_the_run(found):
    failure, exit_status = found["lost"]
    assert "went away" in failure and exit_status == "fail"

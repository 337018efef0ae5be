"""The time axis that the card shows: as calibrated, as asked for, and not before the card answers."""

import asyncio

from tests.devices.iocs.fake_bench import N_CHANNELS, FakeBench, run


def test_a_calibration_that_changes_the_channels_is_told_before_the_file_and_with_each_block(tmp_path):
    bench, widths_ns = FakeBench(), iter([0.144, 0.145])

    def calibrated(width_ns):
        bench.card.bin_width_ns, bench.card.base_resolution_ps = width_ns, 250 * width_ns

    bench.card.configure = lambda code, offset_ns: calibrated(next(widths_ns)) or offset_ns

    async def steps(ioc, bench):
        card = ioc.timeharp
        assert card.bin_width.value == 0.144
        await card.arm.write("point")
        assert card.file.file.attrs["bin_width_ns"] == card.bin_width.value == 0.145
        calibrated(0.146)
        await card.acquire.write(0)
        assert (card.bin_width.value, card.base_resolution.value) == (0.146, 36.5)

    run(tmp_path, steps, bench=bench)


def test_an_offset_that_the_card_rounded_down_is_not_rounded_again(tmp_path):
    bench, asked = FakeBench(), []
    bench.card.configure = lambda code, offset_ns: asked.append(offset_ns) or offset_ns - 1

    async def steps(ioc, bench):
        await ioc.timeharp.offset.write(100.0)
        assert ioc.timeharp.offset.value == 99
        await ioc.timeharp.range_code.write(3)
        await ioc.timeharp.arm.write("point")

    run(tmp_path, steps, bench=bench)
    assert asked == [0, 100, 100, 100]


def test_a_card_that_comes_later_is_shown_then_and_not_guessed_before(tmp_path, monkeypatch):
    monkeypatch.setattr("devices.iocs.card.FREE_SPACE_PERIOD_S", 0.01)
    bench, here = FakeBench(), []

    def configure(code, offset_ns):
        if not here:
            raise ConnectionError("the board cannot be opened")
        return offset_ns

    bench.card.configure = configure

    async def steps(ioc, bench):
        card = ioc.timeharp
        assert "cannot be opened" in card.error.value
        assert card.base_resolution.value == card.bin_width.value == 0 and card.serial.value == ""
        here.append(True)
        async with asyncio.timeout(5):
            while card.serial.value != "0815":
                await asyncio.sleep(0.005)
        assert card.base_resolution.value == 36 and card.n_channels.value == N_CHANNELS and card.free_bytes.value > 0
        assert card.error.value == ""

    run(tmp_path, steps, bench=bench)

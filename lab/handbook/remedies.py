"""What to do where a message alone does not tell: it says what an instrument or somebody did, not what is allowed."""

import re

from lab.handbook.messages import Message

ORDERS = """
    give put set make wait sort check switch close correct see leave use add call write move lower raise repeat select
    describe name start stop try remove export measure begin free look delete swap exchange sum import declare wire plug
    type choose ask say bring carry darken allow replay mount update restart open show calibrate keep re-cable recable
    needs? first again later twice less more fewer larger wider outside only
"""
LIMITS = """
    must allowed expected takes? opens keeps at.most at.least there.is there.are has.the has.only it.has it.holds one.of
    known.are goes.from left.out is.needed these.are above.0 not.empty without.empty a.multiple.of from.position
    each.above ends.before log.says begins.with the.raster.has photons.on names.those the.built-in call.for told.by
    as.many.of.each search.by numbered known.on written.as becomes is.for taken.together.as card.tells neither Run.it
"""
PASSED_ON = "why problems found reason message tail args fault missing_sample objection why_stopped inner said it late"
# A limit, an order, or a command stands in the message, or it ends with the reason that another message gives.
TELLS = re.compile(
    rf"\b({'|'.join((ORDERS + ' ' + LIMITS).split())})\b|has {{|RE\(|like |\?|\(\)|'\w+' or '\w+'|python = |\.\.{{"
    rf"|but {{|all > 0|{{({'|'.join(PASSED_ON.split())})}}\.?$"
)
BY_KIND = {
    "BadReplyError": "The message around it names the port and the command. Check that this is the port of this "
    "instrument, then its driver and options in `lab.toml`; `python -m devices.iocs --check` asks it again.",
    "CardFault": "The message around it names the card and its function. Check library, board and driver: "
    "[card](instruments/timeharp.md).",
    "CardLost": "The library of the card hung; its process is started again by the next command. If it hangs again, "
    "start the PC anew.",
    "latch": "Remove the cause, then `microscope.shutter.reset()`.",
    "warning": "The numbers stand, with this in mind.",
}
BY_TEXT = {
    # what an instrument or another program did
    r"was stopped": "Somebody stopped it. Give the command again; nothing half-measured is kept.",
    r"the file was closed while": "The run ended while the card measured. Give the plan again.",
    r"is no (number|power in W|gate)|is not two numbers|is silent|hung up|took no bytes|came within|fell silent"
    r"|sends nothing|counts for somebody else|could not be read for|does not answer": "Check power and cable, and "
    "that no other program uses the port; the instrument is tried again by itself.",
    r"older than the request|same as one taken before": "Export the scan that the ticket asks for, under a new name.",
    r"goes on with": "The log of a wire was made by another version: record it again.",
    r"does not hold the lease": "Another session drives the lab: close one of the two.",
    r"cannot be read \({strerror}\)": "Name an existing file that this user may read.",
    r"came after point|a message (of|without)|a line that is ": "Two programs disagree on what was sent: "
    "report it, with the log.",
    # what a program asked for in the wrong order
    r"has not started|which this journal has not seen start": "Documents came without their start: feed a whole run.",
    r"cannot rest on itself": "Let `base` name another preset.",
    r"not among the messages": "`explain` met a message that could change something: report it, with the plan.",
    # results and files
    r"damaged at its beginning": "Draw the figure again from its run: `rebuild`.",
    r"among the results in hand": "Analyse that run first; a figure needs the results of all its runs.",
    r"has no {stream}/{key}": "The table of the stream names what was recorded: `db[uid].table(stream)`.",
    r"none of NeXus": "Give a file that was exported as NeXus; other HDF5 files of photons open with `read`.",
    r"images {shape}, {names} names": "One name for each image (n, ny, nx), and a pixel above 0 um.",
    r"tables without analysis": "Analyse the run first: `session.replay(uid)`.",
    r"the overflows of the clock": "The file is damaged from there on; what comes before can be read by hand only.",
    r"damaged document": "Documents before that byte are whole; the run is told as interrupted.",
    r"no emitter that was measured": "Measure some: `qd_campaign`.",
    r"cannot be read$": "The raw file was moved or cut; lines before it are whole. Look at the folder of raw data.",
    r"does not describe the histogram": "Look at the figure: two emitters, a wrong time zero, an afterpulse.",
    r"no more light than beside": "The emitter was gone or out of focus: `recentre`, then measure again.",
    r"over 1 Mcps": "Less light; corrected rates are still right to a few percent ([dead time]"
    "(../explanation/dead-time.md)).",
    r"time zero was not calibrated": "`RE(time_zero(microscope))` before the next; this fit has one more parameter.",
    r"the background was not measured": "Give `at_um` with dark places around it, or measure beside the dot.",
    r"pile-up": "Less light per pulse; by how much lifetimes are shortened: [dead time](../explanation/dead-time.md).",
    r"could not be placed": "More photons per scan, or fewer pixels ([drift](../explanation/drift.md)).",
    r"of the pixels could be fitted": "The others hold too few photons: bin, or measure longer.",
    r"a channel was full|memory of the card was full": "Less light, or a shorter dwell; full counts are left out.",
    r"the fit cannot be trusted": "More photons; or fit one lifetime.",
    r"wavelengths are not calibrated": "`RE(calibrate(fs5))` once a month.",
    r"it would be refused": "The sentences that follow say why.",
    r"was never begun": "The session died before its first document: measure again.",
    r"holds no instrument response": "Name a run of the plan `irf`.",
}


def tells_what_to_do(message: Message) -> bool:
    """Whether the message names a limit or the next step, or carries the reason that does."""
    return bool(TELLS.search(message.text))


def remedy(message: Message) -> str:
    """What to do; empty where the message says it itself."""
    if tells_what_to_do(message) and message.kind not in ("latch", "warning"):
        return ""
    by_text = (told for pattern, told in BY_TEXT.items() if re.search(pattern, message.text))
    return next(by_text, "") or BY_KIND.get(message.kind, "")

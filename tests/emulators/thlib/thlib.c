/* THLib v6.1 emulated: the documented functions of a TimeHarp 200, their states and their error codes.

   Photons come from a feed (wire.h). Further keywords of the trouble file: FLAGS (bits that GetFlags adds), ROUTER 0
   (none), RATE (what the meter shows), SERIAL, VERSION, FIFOFULL_AFTER (records read until the FIFO runs over),
   NEVER_ENDS 1, DMA_WHOLE 1 (a DMA of more than there is fails). */
#include "wire.h"

enum { BLOCK = 4096, CURVES = 32, FIFO = 131072, HALF = 65536, FULL_BIN = 65535 };
enum { SYSERR = 0x100, OVERFLOWN = 0x200, RAMREADY = 0x400, FULL = 0x800, HALFFULL = 0x1000, EMPTY = 0x2000 };
enum { E_INSTANCE = -16, E_ARGUMENT = -17, E_MODE = -18, E_NOT_INIT = -22, E_NOT_CALIBRATED = -23, E_DMA = -24 };
enum { E_EXTERNAL = -25, E_NO_SCX = -48 };

static struct {
  int open, mode, calibrated, running, ended, dma_pending, inside;
  int range, offset, mmode, tacq, routing, stop_on, stop_level;
  int flags, link, source, stale_source, elapsed_ms, edges[3];
  double base_ps, switched, started;
  char serial[16];
  uint32_t memory[4][BLOCK], *records, *dma;
  int n_records, n_read, n_dma, overrun, full_latched;
} th = {.link = -1, .base_ps = 36.0, .serial = "1076", .stop_level = FULL_BIN};

enum { ANY = 0, OPEN = 1, CALIBRATED = 2, IDLE = 4, TAGGING = 8, COUNTING = 16, IN_DMA = 32 };

/* What stands against a call: misuse, trouble on request, or the state of the board; 0 if nothing. */
static int against(const char *name, int needs) {
  int made = struck(name);
  if (th.dma_pending && !(needs & IN_DMA)) {
    tell("MISUSE %s during a DMA", name);
    return E_DMA;
  }
  if (made != FAILED_WORD) return made;
  if ((needs & OPEN) && !th.open) return E_NOT_INIT;
  if ((needs & CALIBRATED) && !th.calibrated) return E_NOT_CALIBRATED;
  if ((needs & IDLE) && th.running) return E_MODE;
  if ((needs & TAGGING) && th.mode != 1) return E_MODE;
  if ((needs & COUNTING) && th.mode != 0) return E_MODE;
  return 0;
}

#define ENTER(name, needs, ...)                                     \
  if (__sync_lock_test_and_set(&th.inside, 1)) tell("MISUSE " name " while another call runs"); \
  tell(name __VA_ARGS__);                                           \
  int result = against(name, needs);                                \
  if (result) { th.inside = 0; return result; }
#define LEAVE(value) { result = (value); th.inside = 0; return result; }
#define WITHIN(x, low, high) if ((x) < (low) || (x) > (high)) LEAVE(E_ARGUMENT)

int TH_GetErrorString(char *text, int code) {
  if (code >= 0 || code < -78) return -1;
  return sprintf(text, "ERROR %d", code);
}
int TH_GetLibraryVersion(char *text) {
  char value[64];
  ENTER("TH_GetLibraryVersion", ANY)
  strcpy(text, trouble_text("VERSION", value) ? value : "6.1");
  LEAVE(0);
}
int TH_GetHardwareVersion(char *text) {
  ENTER("TH_GetHardwareVersion", OPEN)
  strcpy(text, "2.0");
  LEAVE(0);
}
int TH_GetSerialNumber(char *text) {
  char value[64];
  ENTER("TH_GetSerialNumber", OPEN)
  strcpy(text, trouble_text("SERIAL", value) ? value : th.serial);
  LEAVE(0);
}
int TH_GetBaseResolution(void) {
  ENTER("TH_GetBaseResolution", OPEN)
  LEAVE((int)(th.base_ps + 0.5));
}
int TH_Initialize(int mode) {
  char line[64];
  ENTER("TH_Initialize", ANY, " %d", mode)
  if (th.open) LEAVE(E_INSTANCE);
  WITHIN(mode, 0, 1)
  if (feed_ask("board\n", line, sizeof line)) sscanf(line, "%15s %lf", th.serial, &th.base_ps);
  th.open = 1, th.mode = mode, th.calibrated = th.running = th.flags = th.routing = th.tacq = th.source = 0;
  LEAVE(0);
}
int TH_Calibrate(void) {
  ENTER("TH_Calibrate", OPEN | IDLE)
  th.calibrated = 1;
  LEAVE(0);
}
int TH_Shutdown(void) {
  ENTER("TH_Shutdown", ANY)
  th.open = th.calibrated = th.running = 0;
  LEAVE(1);
}
int TH_SetCFDDiscrMin(int mv) {
  ENTER("TH_SetCFDDiscrMin", OPEN, " %d", mv)
  WITHIN(mv, 0, 400)
  LEAVE(0);
}
int TH_SetCFDZeroCross(int mv) {
  ENTER("TH_SetCFDZeroCross", OPEN, " %d", mv)
  WITHIN(mv, 0, 40)
  LEAVE(0);
}
int TH_SetSyncLevel(int mv) {
  ENTER("TH_SetSyncLevel", OPEN, " %d", mv)
  WITHIN(mv, -1300, 400)
  LEAVE(0);
}
int TH_SetStopOverflow(int on, int level) {
  ENTER("TH_SetStopOverflow", OPEN | IDLE, " %d %d", on, level)
  WITHIN(on, 0, 1)
  WITHIN(level, 1, FULL_BIN)
  th.stop_on = on, th.stop_level = level;
  LEAVE(0);
}
int TH_SetRange(int range) {
  ENTER("TH_SetRange", OPEN | CALIBRATED | IDLE, " %d", range)
  WITHIN(range, 0, 5)
  th.range = range;
  LEAVE(0);
}
int TH_SetOffset(int ns) {
  ENTER("TH_SetOffset", OPEN | CALIBRATED | IDLE, " %d", ns)
  WITHIN(ns, 0, 2000)
  th.offset = (int)(2.5 * (int)(ns / 2.5 + 0.5));
  LEAVE(th.offset);
}
int TH_NextOffset(int direction) {
  ENTER("TH_NextOffset", OPEN | CALIBRATED | IDLE, " %d", direction)
  if (direction != 1 && direction != -1) LEAVE(E_ARGUMENT);
  th.offset += direction * 3;
  if (th.offset < 0) th.offset = 0;
  if (th.offset > 2000) th.offset = 2000;
  LEAVE(th.offset);
}
int TH_ClearHistMem(int block) {
  ENTER("TH_ClearHistMem", OPEN | COUNTING | IDLE, " %d", block)
  WITHIN(block, 0, th.routing ? 3 : 0)
  memset(th.memory[block], 0, sizeof th.memory[block]);
  th.flags &= ~OVERFLOWN;
  LEAVE(0);
}
static void switch_meter(int source) {
  if (th.source != source) th.stale_source = th.source, th.source = source, th.switched = now_s();
}
int TH_SetMMode(int mmode, int tacq) {
  ENTER("TH_SetMMode", OPEN | CALIBRATED | IDLE, " %d %d", mmode, tacq)
  WITHIN(mmode, 0, 1)
  WITHIN(tacq, mmode ? 0 : 1, 36000000)
  if (mmode && th.routing) LEAVE(E_MODE);
  th.mmode = mmode, th.tacq = tacq;
  switch_meter(1);
  LEAVE(0);
}
int TH_SetSyncMode(void) {
  ENTER("TH_SetSyncMode", OPEN | IDLE)
  switch_meter(2);
  LEAVE(0);
}
int TH_StartMeas(void) {
  char question[96];
  ENTER("TH_StartMeas", OPEN | CALIBRATED | IDLE)
  if (!th.tacq) LEAVE(E_MODE);
  sprintf(question, "measure %d %d %d %d %d\n", th.mode, th.tacq, th.range, th.offset, th.routing);
  th.link = feed(question);
  th.running = 1, th.ended = 0, th.started = now_s(), th.elapsed_ms = 0;
  th.n_records = th.n_read = th.overrun = th.full_latched = 0;
  LEAVE(0);
}
/* Take what the feed answered: blocks by start-stop time, or records. */
static void take(void) {
  char line[96] = "", kind[16] = "";
  int n = 0, elapsed = th.tacq, flag = 0;
  static uint32_t block[BLOCK];
  if (th.link < 0) return;
  if (feed_line(th.link, line, sizeof line)) sscanf(line, "%15s %d %d %d", kind, &n, &elapsed, &flag);
  th.elapsed_ms = elapsed;
  if (!strcmp(kind, "records")) {
    th.records = realloc(th.records, 4 * (size_t)(n + 1));
    th.n_records = feed_bytes(th.link, th.records, 4 * (size_t)n) ? n : 0;
    th.overrun = flag;
  }
  for (int b = 0; !strcmp(kind, "blocks") && b < n && b < 4 && feed_bytes(th.link, block, sizeof block); b++)
    for (int i = 0; i < BLOCK; i++) {
      uint32_t sum = th.memory[b][i] + block[i];
      if (sum >= FULL_BIN && (flag || sum > FULL_BIN)) th.flags |= OVERFLOWN;
      th.memory[b][i] = sum > FULL_BIN ? FULL_BIN : sum;
    }
  close(th.link);
  th.link = -1;
}
/* Let the measurement go on to now; how long it has run. */
static void go_on(void) {
  if (!th.running || th.ended || trouble("NEVER_ENDS", 0)) return;
  int answered = th.link < 0 || feed_ready(th.link);
  int timely = !getenv("EMULATED_REALTIME") || now_s() >= th.started + th.tacq / 1000.0;
  if (answered && (timely || th.mode == 1)) take();
  if (answered && timely) th.ended = 1, th.elapsed_ms = th.elapsed_ms ? th.elapsed_ms : th.tacq;
}
int TH_StopMeas(void) {
  ENTER("TH_StopMeas", OPEN)
  if (th.running && th.link >= 0) {
    if (send(th.link, "stop\n", 5, MSG_NOSIGNAL) == 5) take();
  }
  th.running = 0;
  th.n_records = th.n_read = 0;
  LEAVE(0);
}
int TH_CTCStatus(void) {
  ENTER("TH_CTCStatus", OPEN)
  go_on();
  LEAVE(th.running ? th.ended : 1);
}
int TH_GetBlock(uint32_t *counts, int block) {
  char *turned = getenv("EMULATED_BLOCK_IS");
  ENTER("TH_GetBlock", OPEN | COUNTING | IDLE, " %d", block)
  WITHIN(block, 0, th.routing ? 3 : 0)
  int total = 0, forward = turned && !strcmp(turned, "forward");
  for (int i = 0; i < BLOCK; i++) {
    counts[i] = th.memory[block][forward ? BLOCK - 1 - i : i];
    total += (int)counts[i];
  }
  LEAVE(total);
}
float TH_GetResolution(void) {
  int result = against("TH_GetResolution", OPEN | CALIBRATED);
  tell("TH_GetResolution");
  return result ? (float)result : (float)(th.base_ps * (1 << th.range) / 1000);
}
int TH_GetCountRate(void) {
  char line[64] = "0";
  ENTER("TH_GetCountRate", OPEN)
  int source = now_s() < th.switched + 0.5 ? th.stale_source : th.source;
  feed_ask(source == 2 ? "rate sync\n" : "rate cfd\n", line, sizeof line);
  LEAVE(trouble("RATE", source ? atoi(line) : 77777777));
}
/* Records that the FIFO has seen so far. */
static int arrived(void) {
  static int seen, turns;
  if (!getenv("EMULATED_REALTIME") || th.ended) return th.n_records;
  if (!th.n_read) seen = turns = 0;
  int64_t ticks = (int64_t)((now_s() - th.started) * 1e7);
  for (; seen < th.n_records; seen++) {
    uint32_t word = th.records[seen];
    if ((int64_t)turns * 65536 + (word & 0xffff) > ticks) break;
    turns += !(word >> 30 & 1) && (word >> 27 & 1);
  }
  return seen;
}
static int level(void) {
  int waiting = arrived() - th.n_read;
  if (getenv("EMULATED_REALTIME") && waiting > FIFO) th.full_latched = 1;
  if (th.overrun && th.n_read == th.n_records && th.running) th.full_latched = 1;
  return waiting > FIFO ? FIFO : waiting;
}
int TH_GetFlags(void) {
  ENTER("TH_GetFlags", OPEN)
  go_on();
  int flags = th.flags | RAMREADY | trouble("FLAGS", 0), last = trouble("FIFOFULL_AFTER", -1);
  if (th.mode == 1) {
    int waiting = level();
    flags |= waiting >= HALF ? HALFFULL : 0;
    flags |= waiting ? 0 : EMPTY;
    flags |= th.full_latched || (last >= 0 && th.running && th.n_read >= last) ? FULL : 0;
  }
  LEAVE(flags);
}
int TH_GetElapsedMeasTime(void) {
  ENTER("TH_GetElapsedMeasTime", OPEN)
  if (th.mmode) LEAVE(E_MODE);
  LEAVE(th.ended ? th.elapsed_ms : (int)(1000 * (now_s() - th.started)));
}
static int channels(void) { return trouble("ROUTER", 1) ? 4 : 1; }
int TH_GetRouterModel(char *text) {
  ENTER("TH_GetRouterModel", OPEN)
  if (channels() == 1) LEAVE(E_EXTERNAL);
  strcpy(text, "PRT 400");
  LEAVE(0);
}
int TH_GetRoutingChannels(void) {
  ENTER("TH_GetRoutingChannels", OPEN)
  LEAVE(channels());
}
int TH_EnableRouting(int on) {
  ENTER("TH_EnableRouting", OPEN | IDLE, " %d", on)
  WITHIN(on, 0, 1)
  if (channels() == 1) LEAVE(E_EXTERNAL);
  th.routing = on;
  LEAVE(0);
}
int TH_SetNRT400CFD(int channel, int mv, int zc) {
  ENTER("TH_SetNRT400CFD", OPEN, " %d %d %d", channel, mv, zc)
  WITHIN(channel, 0, 3)
  WITHIN(mv, 0, 400)
  WITHIN(zc, 0, 40)
  if (channels() == 1) LEAVE(E_EXTERNAL);
  LEAVE(0);
}
int TH_GetBank(uint16_t *counts, int from, int to) {
  ENTER("TH_GetBank", OPEN | COUNTING, " %d %d", from, to)
  if (!th.mmode) LEAVE(E_MODE);
  WITHIN(from, 0, to)
  WITHIN(to, from, BLOCK - 1)
  memset(counts, 0, sizeof *counts * CURVES * (size_t)(to - from + 1));
  LEAVE(0);
}
int TH_GetLostBlocks(void) {
  ENTER("TH_GetLostBlocks", OPEN | COUNTING)
  LEAVE(th.mmode ? 0 : E_MODE);
}
static int moved(uint32_t *to, int most) {
  int n = level();
  n = n > most ? most : n;
  if (n) memcpy(to, th.records + th.n_read, 4 * (size_t)n);
  th.n_read += n;
  return n;
}
int TH_T3RDoDMA(uint32_t *to, int n) {
  ENTER("TH_T3RDoDMA", OPEN | TAGGING, " %d", n)
  WITHIN(n, 1, HALF)
  LEAVE(moved(to, n));
}
int TH_T3RStartDMA(uint32_t *to, int n) {
  ENTER("TH_T3RStartDMA", OPEN | TAGGING, " %d", n)
  WITHIN(n, 1, HALF)
  th.dma_pending = 1, th.dma = to, th.n_dma = n;
  LEAVE(0);
}
int TH_T3RCompleteDMA(void) {
  if (!th.dma_pending) return E_DMA;
  th.dma_pending = 0;
  ENTER("TH_T3RCompleteDMA", OPEN | TAGGING | IN_DMA)
  if (trouble("DMA_WHOLE", 0) && level() < th.n_dma) LEAVE(E_DMA);
  LEAVE(moved(th.dma, th.n_dma));
}
int TH_T3RSetMarkerEdges(int a, int b, int c) {
  ENTER("TH_T3RSetMarkerEdges", OPEN | TAGGING | IDLE, " %d %d %d", a, b, c)
  WITHIN(a, 0, 1)
  WITHIN(b, 0, 1)
  WITHIN(c, 0, 1)
  LEAVE(0);
}
int TH_ScanEnable(int on) { ENTER("TH_ScanEnable", OPEN, " %d", on) LEAVE(E_NO_SCX); }
int TH_ScanGotoXY(int x, int y, int shutter) { ENTER("TH_ScanGotoXY", OPEN, " %d %d %d", x, y, shutter) LEAVE(E_NO_SCX); }
int TH_ScanSetup(int a, int b, int c, int d, int e, int f) {
  ENTER("TH_ScanSetup", OPEN, " %d %d %d %d %d %d", a, b, c, d, e, f)
  LEAVE(E_NO_SCX);
}
int TH_ScanDone(void) { ENTER("TH_ScanDone", OPEN) LEAVE(E_NO_SCX); }
int TH_ScanReset(void) { ENTER("TH_ScanReset", OPEN) LEAVE(E_NO_SCX); }

/* PHLib 3 (-DPH) or TH260Lib 3 (-DTH260) emulated, as far as the drivers speak to them: an error code from every
   function, results through pointers. Photons come from a feed (wire.h) by start-stop time; in the raster they are
   delivered forward in time, between two SPADs (-DTH260: EMULATED_PAIRS set; -DPH: routing off) as they are. */
#include "wire.h"

#ifdef PH
#define NAME(name) PH_##name
enum { PAIRS = 0, BINS = 65536, OVERFLOWN = 0x40, FULL = 0x3, BINNINGS = 8, CHANNELS = 4 };
enum { LEVEL_LOW = 0, LEVEL_HIGH = 800, ZERO_LOW = 0, ZERO_HIGH = 20 };
#else
#define NAME(name) TH260_##name
enum { PAIRS = 1, BINS = 4096, OVERFLOWN = 0x1, FULL = 0x2, BINNINGS = 22, CHANNELS = 2 };
enum { LEVEL_LOW = -1200, LEVEL_HIGH = 0, ZERO_LOW = -40, ZERO_HIGH = 0 };
#endif
enum { BLOCK = 4096, E_ARGUMENT = -4, E_STATE = -5, E_CLOSED = -1 };

static struct {
  int open, ready, mode, running, ended, routing, binning, flags, link, n_records, n_read, elapsed_ms, tacq, overrun;
  double base_ps, started;
  char serial[16];
  uint32_t memory[4][BLOCK], *records;
} card = {.link = -1, .base_ps = 4.0, .serial = "1000001"};

static int against(const char *name, int device, int ready) {
  int made = struck(name);
  tell("%s", name);
  if (made != FAILED_WORD) return made;
  if (device != 0 || !card.open) return E_CLOSED;
  return ready && !card.ready ? E_STATE : 0;
}
#define ENTER(name, ready) { int fault = against(name, device, ready); if (fault) return fault; }
#define WITHIN(x, low, high) if ((x) < (low) || (x) > (high)) return E_ARGUMENT

int NAME(GetErrorString)(char *text, int code) { return code < 0 ? (sprintf(text, "ERROR %d", code), 0) : -1; }
int NAME(GetLibraryVersion)(char *text) {
  char value[64];
  strcpy(text, trouble_text("VERSION", value) ? value : "3.0");
  return 0;
}
int NAME(OpenDevice)(int device, char *serial) {
  char line[64];
  int made = struck("OpenDevice");
  if (made != FAILED_WORD) return made;
  if (device != 0 || card.open) return E_CLOSED;
  if (feed_ask("board\n", line, sizeof line)) sscanf(line, "%15s %lf", card.serial, &card.base_ps);
  card.open = 1;
  strcpy(serial, card.serial);
  return 0;
}
int NAME(CloseDevice)(int device) {
  ENTER("CloseDevice", 0)
  card.open = card.ready = card.running = 0;
  return 0;
}
int NAME(Initialize)(int device, int mode) {
  ENTER("Initialize", 0)
  if (mode != 0 && mode != 2 && mode != 3) return E_ARGUMENT;
  card.ready = 1, card.mode = mode, card.routing = 0;
  return 0;
}
int NAME(GetHardwareInfo)(int device, char *model, char *part, char *version) {
  ENTER("GetHardwareInfo", 1)
#ifdef PH
  strcpy(model, "PicoHarp 300");
#else
  strcpy(model, "TimeHarp 260 P");
#endif
  strcpy(part, "930004");
  strcpy(version, "2.0");
  return 0;
}
int NAME(GetBaseResolution)(int device, double *ps, int *steps) {
  ENTER("GetBaseResolution", 1)
  *ps = card.base_ps, *steps = BINNINGS;
  return 0;
}
int NAME(SetSyncDiv)(int device, int divider) {
  ENTER("SetSyncDiv", 1)
  WITHIN(divider, 1, 8);
  return 0;
}
int NAME(SetInputCFD)(int device, int channel, int level, int zero) {
  ENTER("SetInputCFD", 1)
  WITHIN(channel, 0, 1);
  WITHIN(level, LEVEL_LOW, LEVEL_HIGH);
  WITHIN(zero, ZERO_LOW, ZERO_HIGH);
  return 0;
}
int NAME(SetStopOverflow)(int device, int on, unsigned level) {
  ENTER("SetStopOverflow", 1)
  WITHIN(on, 0, 1);
  WITHIN(level, 1u, 65535u);
  return 0;
}
int NAME(SetBinning)(int device, int binning) {
  ENTER("SetBinning", 1)
  WITHIN(binning, 0, BINNINGS - 1);
  card.binning = binning;
  return 0;
}
int NAME(SetOffset)(int device, int offset) {
  ENTER("SetOffset", 1)
  WITHIN(offset, 0, 1000000000);
  return 0;
}
int NAME(GetResolution)(int device, double *ps) {
  ENTER("GetResolution", 1)
  *ps = card.base_ps * (1 << card.binning);
  return 0;
}
static int rate(const char *question, int *cps) {
  char line[64] = "0";
  feed_ask(question, line, sizeof line);
  *cps = atoi(line);
  return 0;
}
static void clear(void) {
  memset(card.memory, 0, sizeof card.memory);
  card.flags = 0;
}
int NAME(StartMeas)(int device, int tacq) {
  char question[96];
  ENTER("StartMeas", 1)
  WITHIN(tacq, 1, 360000000);
  sprintf(question, "measure %d %d %d %d %d\n", card.mode ? 1 : 0, tacq, card.binning, 0, card.routing);
  card.link = feed(question);
  card.started = now_s();
  card.running = 1, card.tacq = tacq, card.ended = card.n_records = card.n_read = card.overrun = 0;
  return 0;
}
static void take(void) {
  char line[96] = "", kind[16] = "";
  int n = 0, flag = 0;
  static uint32_t block[BLOCK];
  if (feed_line(card.link, line, sizeof line)) sscanf(line, "%15s %d %d %d", kind, &n, &card.elapsed_ms, &flag);
  if (!strcmp(kind, "records")) {
    card.records = realloc(card.records, 4 * (size_t)(n + 1));
    card.n_records = feed_bytes(card.link, card.records, 4 * (size_t)n) ? n : 0;
    card.overrun = flag;
  }
  for (int b = 0; !strcmp(kind, "blocks") && b < n && feed_bytes(card.link, block, sizeof block); b++)
    for (int i = 0; i < BLOCK; i++) card.memory[n == 1 ? PAIRS : b][i] += block[card.routing ? BLOCK - 1 - i : i];
  if (flag && card.mode == 0) card.flags |= OVERFLOWN;
  close(card.link);
  card.link = -1, card.ended = 1;
}
int NAME(CTCStatus)(int device, int *status) {
  ENTER("CTCStatus", 1)
  if (card.running && !card.ended && (card.link < 0 || feed_ready(card.link))) take();
  *status = card.ended || !card.running;
  return 0;
}
int NAME(StopMeas)(int device) {
  ENTER("StopMeas", 1)
  if (card.running && !card.ended && card.link >= 0 && send(card.link, "stop\n", 5, MSG_NOSIGNAL) == 5) take();
  card.running = 0;
  return 0;
}
int NAME(GetFlags)(int device, int *flags) {
  ENTER("GetFlags", 1)
  *flags = card.flags | trouble("FLAGS", 0) | (card.overrun && card.n_read == card.n_records ? FULL : 0);
  return 0;
}
int NAME(GetElapsedMeasTime)(int device, double *ms) {
  ENTER("GetElapsedMeasTime", 1)
  *ms = card.ended ? card.elapsed_ms : 1000 * (now_s() - card.started);
  return 0;
}
int NAME(ReadFiFo)(int device, uint32_t *to, int most, int *n) {
  ENTER("ReadFiFo", 1)
  if (!card.mode) return E_STATE;
  WITHIN(most, 128, 131072);
  *n = card.n_records - card.n_read < most ? card.n_records - card.n_read : most;
  if (*n) memcpy(to, card.records + card.n_read, 4 * (size_t)*n);
  card.n_read += *n;
  return 0;
}

#ifdef PH
int PH_Calibrate(int device) {
  ENTER("Calibrate", 1)
  return 0;
}
int PH_ClearHistMem(int device, int block) {
  ENTER("ClearHistMem", 1)
  WITHIN(block, 0, card.routing ? 3 : 0);
  clear();
  return 0;
}
int PH_GetHistogram(int device, uint32_t *counts, int block) {
  ENTER("GetHistogram", 1)
  WITHIN(block, 0, card.routing ? 3 : 0);
  memset(counts, 0, 4 * BINS);
  memcpy(counts, card.memory[block], 4 * BLOCK);
  return 0;
}
int PH_GetCountRate(int device, int channel, int *cps) {
  ENTER("GetCountRate", 1)
  WITHIN(channel, 0, 1);
  return rate(channel ? "rate cfd\n" : "rate sync\n", cps);
}
int PH_GetRouterVersion(int device, char *model, char *version) {
  ENTER("GetRouterVersion", 1)
  strcpy(model, "PHR 800");
  strcpy(version, "1.0");
  return 0;
}
int PH_GetRoutingChannels(int device, int *n) {
  ENTER("GetRoutingChannels", 1)
  *n = trouble("ROUTER", 1) ? 4 : 1;
  return 0;
}
int PH_EnableRouting(int device, int on) {
  ENTER("EnableRouting", 1)
  card.routing = on;
  return 0;
}
int PH_SetPHR800Input(int device, int channel, int level, int edge) {
  ENTER("SetPHR800Input", 1)
  WITHIN(channel, 0, 3);
  WITHIN(level, -1600, 2400);
  WITHIN(edge, 0, 1);
  return 0;
}
int PH_SetPHR800CFD(int device, int channel, int level, int zero) {
  ENTER("SetPHR800CFD", 1)
  WITHIN(channel, 0, 3);
  WITHIN(level, 0, 800);
  WITHIN(zero, 0, 20);
  return 0;
}
#else
int TH260_GetNumOfInputChannels(int device, int *n) {
  ENTER("GetNumOfInputChannels", 1)
  *n = CHANNELS;
  return 0;
}
int TH260_SetSyncCFD(int device, int level, int zero) {
  ENTER("SetSyncCFD", 1)
  WITHIN(level, LEVEL_LOW, LEVEL_HIGH);
  WITHIN(zero, ZERO_LOW, ZERO_HIGH);
  return 0;
}
/* This one is a Pico: it has no edge triggers. */
int TH260_SetSyncEdgeTrg(void) { return E_STATE; }
int TH260_SetInputEdgeTrg(void) { return E_STATE; }
int TH260_SetHistoLen(int device, int code, int *length) {
  ENTER("SetHistoLen", 1)
  if (code != 2 || card.mode) return E_ARGUMENT;
  *length = BINS;
  card.routing = !getenv("EMULATED_PAIRS");
  return 0;
}
int TH260_ClearHistMem(int device) {
  ENTER("ClearHistMem", 1)
  clear();
  return 0;
}
int TH260_GetHistogram(int device, uint32_t *counts, int channel, int clears) {
  ENTER("GetHistogram", 1)
  WITHIN(channel, 0, CHANNELS - 1);
  memcpy(counts, card.memory[channel], 4 * BLOCK);
  if (clears) clear();
  return 0;
}
int TH260_GetSyncRate(int device, int *cps) {
  ENTER("GetSyncRate", 1)
  return rate("rate sync\n", cps);
}
int TH260_GetCountRate(int device, int channel, int *cps) {
  ENTER("GetCountRate", 1)
  WITHIN(channel, 0, CHANNELS - 1);
  return channel ? (*cps = 0, 0) : rate("rate cfd\n", cps);
}
#endif

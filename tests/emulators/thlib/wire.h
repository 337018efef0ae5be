/* What the emulated libraries share: the feed of photons over loopback, troubles on request, and a log of calls.

   Environment: EMULATED_FEED      port of the feed on 127.0.0.1; without it there are no photons
                EMULATED_TROUBLE   file with lines "<function or keyword> <value>", read at every call
                EMULATED_LOG       file that every call is written to
                EMULATED_BLOCK_IS  "forward" if blocks are delivered turned
                EMULATED_REALTIME  set: measurements take their time, and the FIFO fills with it */
#ifndef WIRE_H
#define WIRE_H
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAILED_WORD 0x7fffffff

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void wait_s(double s) {
  struct timespec t = {(time_t)s, (long)(1e9 * (s - (time_t)s))};
  nanosleep(&t, NULL);
}

static FILE *logged(void) {
  static FILE *file;
  if (!file && getenv("EMULATED_LOG")) file = fopen(getenv("EMULATED_LOG"), "a");
  return file;
}

static void tell(const char *format, ...) {
  if (!logged()) return;
  va_list words;
  va_start(words, format);
  vfprintf(logged(), format, words);
  va_end(words);
  fputc('\n', logged());
  fflush(logged());
}

/* The value that the trouble file gives a name, as text; 0 if it gives none. */
static int trouble_text(const char *name, char *value) {
  char line[128], key[64];
  int found = 0;
  FILE *file = getenv("EMULATED_TROUBLE") ? fopen(getenv("EMULATED_TROUBLE"), "r") : NULL;
  if (!file) return 0;
  while (!found && fgets(line, sizeof line, file))
    found = sscanf(line, "%63s %63[^\n]", key, value) == 2 && !strcmp(key, name);
  fclose(file);
  return found;
}

static int trouble(const char *name, int otherwise) {
  char value[64];
  return trouble_text(name, value) ? (int)strtol(value, NULL, 0) : otherwise;
}

/* What a function is made to return, or FAILED_WORD if it is left to itself. */
static int struck(const char *name) {
  char value[64];
  if (!trouble_text(name, value)) return FAILED_WORD;
  if (!strcmp(value, "abort")) abort();
  if (!strcmp(value, "hang")) for (;;) pause();
  if (!strcmp(value, "timeout")) {
    wait_s(0.3);
    return -24;
  }
  return (int)strtol(value, NULL, 0);
}

static int feed(const char *question) {
  struct sockaddr_in there = {.sin_family = AF_INET};
  const char *port = getenv("EMULATED_FEED");
  if (!port) return -1;
  there.sin_port = htons((uint16_t)atoi(port));
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int link = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(link, (struct sockaddr *)&there, sizeof there)) {
    close(link);
    return -1;
  }
  if (write(link, question, strlen(question)) < 0) return -1;
  return link;
}

static int feed_bytes(int link, void *to, size_t n) {
  char *at = to;
  while (n) {
    ssize_t got = read(link, at, n);
    if (got <= 0) return 0;
    at += got;
    n -= (size_t)got;
  }
  return 1;
}

static int feed_line(int link, char *line, size_t most) {
  size_t n = 0;
  while (n + 1 < most && feed_bytes(link, line + n, 1) && line[n] != '\n') n++;
  line[n] = 0;
  return n > 0;
}

/* One question that is answered with a line. */
static int feed_ask(const char *question, char *line, size_t most) {
  int link = feed(question), heard = 0;
  if (link >= 0) {
    heard = feed_line(link, line, most);
    close(link);
  }
  return heard;
}

static int feed_ready(int link) {
  char one;
  return recv(link, &one, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}
#endif

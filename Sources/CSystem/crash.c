#define _GNU_SOURCE
#include "norma_system.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static _Thread_local norma_place place;

norma_place norma_enter(norma_place next) {
  norma_place before = place;
  place = next;
  return before;
}

norma_place norma_here(void) { return place; }

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
enum { signal_count = sizeof(signals) / sizeof(signals[0]) };
static struct sigaction before[signal_count];

static const char *meaning(int number) {
  switch (number) {
    case SIGSEGV: return "touched memory that is not there";
    case SIGBUS: return "touched memory that cannot be reached";
    case SIGFPE: return "divided by zero";
    case SIGABRT: return "gave up (abort)";
    default: return "stopped itself (trap)";
  }
}

/* Set by the first thread that crashes: several may at once, and their words would mix. */
static atomic_flag is_named = ATOMIC_FLAG_INIT;

/* Async-signal-safe: writes and gives the signal back to whoever had it. */
static void name_place(int number) {
  struct sigaction next = {.sa_handler = SIG_DFL};
  if (place.who) {
    /* The first ends the process, and this thread with it. */
    while (atomic_flag_test_and_set(&is_named)) pause();
    const char *parts[] = {"\nerror: ", place.who, " ", meaning(number), " in ", place.task,
                           place.more, "\n"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
      ssize_t written = write(STDERR_FILENO, parts[i], strlen(parts[i]));
      (void)written;
    }
  } else {
    for (int i = 0; i < signal_count; i++)
      if (signals[i] == number) next = before[i];
  }
  sigaction(number, &next, 0);
  raise(number); /* blocked until this returns */
}

void norma_name_crashes(void) {
  struct sigaction action = {.sa_handler = name_place, .sa_flags = SA_ONSTACK};
  for (int i = 0; i < signal_count; i++) sigaction(signals[i], &action, &before[i]);
}

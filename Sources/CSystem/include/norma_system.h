/* The calls of Linux that compiling and loading native code needs and that Swift does not import. */
#ifndef NORMA_SYSTEM_H
#define NORMA_SYSTEM_H

#include <stddef.h>
#include <sys/types.h>

/* A descriptor of memory that holds the bytes and can never change again, read from its start.
 * Returns -1 with errno when the system refuses. */
int norma_sealed_memory(const void *bytes, size_t count);

/* Starts the program at `path` in a process group of its own, without any other open file of this
 * process and with default signals. It reads from `input`, or nothing when `input` is negative; what
 * it prints on either stream can be read from `*output`. Returns 0 or an errno. */
int norma_start(const char *path, char *const arguments[], char *const environment[], int input,
                pid_t *child, int *output);

/* Lets this process end with the one that started it, `parent`, or after so many seconds, whichever comes
 * first; 0: as long as that lives. */
void norma_end_with_parent(pid_t parent, unsigned seconds);

/* Whose code a thread runs, for whoever must say so when it ends the process. Texts that stay for
 * ever; all NULL: nobody's but the program's own. */
typedef struct norma_place {
  const char *who;
  const char *task;
  const char *more; /* further lines, each with a line feed before it */
} norma_place;

/* Notes that this thread now runs `next`'s code; returns whose it ran before. */
norma_place norma_enter(norma_place next);

/* Whose code this thread runs. */
norma_place norma_here(void);

/* From here on a crash in noted code is named on standard error before the process ends by the same
 * signal; any other crash goes to whoever handled it before. */
void norma_name_crashes(void);

/* The bytes that malloc has given out in this process and not got back. */
size_t norma_heap_bytes(void);

#endif

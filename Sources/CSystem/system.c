#define _GNU_SOURCE
#include "norma_system.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int write_all(int descriptor, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(descriptor, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return -1;
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
}

int norma_sealed_memory(const void *bytes, size_t count) {
  int descriptor = memfd_create("norma", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -1;
  if (write_all(descriptor, bytes, count) == 0 && lseek(descriptor, 0, SEEK_SET) == 0 &&
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    return descriptor;
  int reason = errno;
  close(descriptor);
  errno = reason;
  return -1;
}

// The three standard streams, and nothing else of what this process has open.
static int set_streams(posix_spawn_file_actions_t *actions, int input, int output) {
  int failed = input < 0
    ? posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    : posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);
  if (!failed) failed = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
  if (!failed) failed = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
  if (!failed) failed = posix_spawn_file_actions_addclosefrom_np(actions, 3);
  return failed;
}

static int set_attributes(posix_spawnattr_t *attributes) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int failed = posix_spawnattr_setsigmask(attributes, &none);
  if (!failed) failed = posix_spawnattr_setsigdefault(attributes, &all);
  if (!failed) failed = posix_spawnattr_setpgroup(attributes, 0);
  if (!failed)
    failed = posix_spawnattr_setflags(
      attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return failed;
}

int norma_start(const char *path, char *const arguments[], char *const environment[], int input,
                pid_t *child, int *output) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int failed = set_streams(&actions, input, ends[1]);
  if (!failed) failed = set_attributes(&attributes);
  if (!failed) failed = posix_spawn(child, path, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed) {
    close(ends[0]);
    return failed;
  }
  *output = ends[0];
  return 0;
}

size_t norma_heap_bytes(void) { return mallinfo2().uordblks; }

void norma_end_with_parent(pid_t parent, unsigned seconds) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before it was asked for.
  if (getppid() != parent) _exit(1);
  alarm(seconds);
}

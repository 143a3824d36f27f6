#include "ck_parallel.h"

#include <stdatomic.h>

/* libgomp's entry point: plain C, stable since GCC 4. */
extern void GOMP_parallel(void (*fn)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern void omp_set_num_threads(int);

enum { LINE = 64, PARTS = 64 };

typedef struct {
  _Alignas(LINE) _Atomic int64_t taken;
  int64_t first, count;
} part;

typedef struct {
  ck_work work;
  void *context;
  int32_t backwards, count;
  part parts[PARTS];
} loop;

static void work_on(void *data) {
  loop *l = data;
  int32_t worker = omp_get_thread_num();
  for (int32_t k = 0; k < l->count; k++) {
    part *p = &l->parts[(worker + k) % l->count];
    for (;;) {
      int64_t i = atomic_fetch_add_explicit(&p->taken, 1, memory_order_relaxed);
      if (i >= p->count) break;
      l->work(l->context, p->first + (l->backwards ? p->count - 1 - i : i), worker);
    }
  }
}

void ck_parallel_for(int64_t n, int32_t threads, int32_t backwards, ck_work work, void *context) {
  if (threads > n) threads = (int32_t)n;
  if (threads <= 1) {
    for (int64_t i = 0; i < n; i++) work(context, backwards ? n - 1 - i : i, 0);
    return;
  }
  loop l = {.work = work, .context = context, .backwards = backwards};
  l.count = threads < PARTS ? threads : PARTS;
  for (int32_t k = 0; k < l.count; k++) {
    part *p = &l.parts[k];
    atomic_init(&p->taken, 0);
    p->first = n * k / l.count;
    p->count = n * (k + 1) / l.count - p->first;
  }
  GOMP_parallel(work_on, &l, (unsigned)threads, 0);
}

void ck_serial_libraries(void) { omp_set_num_threads(1); }

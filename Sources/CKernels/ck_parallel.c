#include "ck_parallel.h"

#include <stdatomic.h>

/* libgomp's entry point: plain C, stable since GCC 4. */
extern void GOMP_parallel(void (*fn)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern void omp_set_num_threads(int);

typedef struct {
  ck_work work;
  void *context;
  int64_t n;
  _Atomic int64_t next;
} loop;

static void work_on(void *data) {
  loop *l = data;
  int32_t worker = omp_get_thread_num();
  for (;;) {
    int64_t i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);
    if (i >= l->n) return;
    l->work(l->context, i, worker);
  }
}

void ck_parallel_for(int64_t n, int32_t threads, ck_work work, void *context) {
  if (threads > n) threads = (int32_t)n;
  if (threads <= 1) {
    for (int64_t i = 0; i < n; i++) work(context, i, 0);
    return;
  }
  loop l = {.work = work, .context = context, .n = n};
  GOMP_parallel(work_on, &l, (unsigned)threads, 0);
}

void ck_serial_libraries(void) { omp_set_num_threads(1); }

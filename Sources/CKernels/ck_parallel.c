#include "ck_parallel.h"

/* libgomp's entry points; declared here so that no -fopenmp is needed. */
void GOMP_parallel(void (*fn)(void *), void *data, unsigned num_threads, unsigned flags);
int omp_get_thread_num(void);
void omp_set_num_threads(int);

struct loop {
  long n;
  ck_task task;
  void *context;
  long next;
};

static void work(void *data) {
  struct loop *loop = data;
  int worker = omp_get_thread_num();
  for (;;) {
    long i = __atomic_fetch_add(&loop->next, 1, __ATOMIC_RELAXED);
    if (i >= loop->n) return;
    loop->task(loop->context, i, worker);
  }
}

void ck_serial_libraries(void) { omp_set_num_threads(1); }

void ck_parallel_for(long n, int threads, ck_task task, void *context) {
  if (n < threads) threads = (int)n;
  if (threads <= 1) {
    for (long i = 0; i < n; i++) task(context, i, 0);
    return;
  }
  struct loop loop = {n, task, context, 0};
  GOMP_parallel(work, &loop, (unsigned)threads, 0);
}

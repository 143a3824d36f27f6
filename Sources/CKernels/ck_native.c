/* Hands the units of native code to threads. */
#include "ck_native.h"

#include "ck_parallel.h"

typedef struct {
  ck_native_unit unit;
  const ck_native_call *call;
} job;

static void run_unit(void *context, int64_t unit, int32_t worker) {
  const job *j = context;
  j->unit(j->call, unit, worker);
}

void ck_run_native(ck_native_unit unit, const ck_native_call *call, int64_t units,
                   int32_t threads, int32_t backwards) {
  job j = {unit, call};
  ck_parallel_for(units, threads, backwards, run_unit, &j);
}

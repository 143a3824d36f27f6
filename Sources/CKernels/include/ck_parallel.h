#ifndef CK_PARALLEL_H
#define CK_PARALLEL_H

/* One piece of work: `index` of 0..<n, done by worker 0..<threads. */
typedef void (*ck_task)(void *context, long index, int worker);

/* Runs task(context, i, worker) for every i in 0..<n on up to `threads` threads of libgomp's pool.
 * Workers take the next index when they are free, so a task must not depend on who runs it. */
void ck_parallel_for(long n, int threads, ck_task task, void *context);

/* Makes libraries on libgomp (oneDNN) use one thread when called from this thread or its workers. */
void ck_serial_libraries(void);

#endif

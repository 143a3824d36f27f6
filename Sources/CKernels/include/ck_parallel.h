/* Work on the OpenMP pool that oneDNN uses too: two pools would fight for the cores. */
#ifndef CK_PARALLEL_H
#define CK_PARALLEL_H

#include <stdint.h>

/* Called once for each index below n; `worker` is below the thread count and constant in a thread. */
typedef void (*ck_work)(void *context, int64_t index, int32_t worker);

/* Runs work(context, 0..<n) on at most `threads` threads; returns when all is done. Of the same n a
 * thread takes the same part first, whose data may still be in its cache, and then helps others.
 * `backwards`: each part from its end, to begin with what a call before ended with. */
void ck_parallel_for(int64_t n, int32_t threads, int32_t backwards, ck_work work, void *context);

/* Makes libraries on libgomp (oneDNN) use one thread when called from this thread or its workers. */
void ck_serial_libraries(void);

#endif

/* What the host needs from C and Swift does not reach. No plugin includes this. */
#ifndef NORMA_HOST_H
#define NORMA_HOST_H

#include <stdint.h>

#include "norma_plugin.h"

/* The NORMA_CPU_... bits of this machine. */
uint64_t norma_host_cpu_features(void);

/* The control bits (rounding, flush to zero, masks) of the calling thread's floating-point unit. */
uint64_t norma_host_float_control(void);

/* Whether an address lies in the object that dlopen returned as `handle`: 1 or 0. */
int32_t norma_host_handle_holds(void *handle, const void *address);

#endif

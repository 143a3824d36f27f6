#define _GNU_SOURCE
#include "norma_host.h"

#include <dlfcn.h>
#include <link.h>

#if defined(__x86_64__)
#include <xmmintrin.h>

uint64_t norma_host_cpu_features(void) {
  uint64_t bits = 0;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
    bits |= NORMA_CPU_X86_64_V2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2"))
    bits |= NORMA_CPU_X86_64_V3;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    bits |= NORMA_CPU_X86_64_V4;
  if (__builtin_cpu_supports("avx512bf16")) bits |= NORMA_CPU_AVX512_BF16;
  return bits;
}

uint64_t norma_host_float_control(void) {
  // The six lowest bits of MXCSR are exception flags, which any computation sets.
  return _mm_getcsr() & ~0x3fu;
}
#else
uint64_t norma_host_cpu_features(void) { return NORMA_CPU_AARCH64; }

uint64_t norma_host_float_control(void) {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}
#endif

int32_t norma_host_handle_holds(void *handle, const void *address) {
  Dl_info info;
  struct link_map *owner = 0, *opened = 0;
  if (dladdr1(address, &info, (void **)&owner, RTLD_DL_LINKMAP) == 0) return 0;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &opened) != 0) return 0;
  return owner != 0 && owner == opened;
}

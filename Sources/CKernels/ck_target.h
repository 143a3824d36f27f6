/* One source, three instruction sets: the loader picks the version for the CPU. */
#ifndef CK_TARGET_H
#define CK_TARGET_H

#ifdef __has_feature
#define CK_SANITIZES_THREADS __has_feature(thread_sanitizer)
#else
#define CK_SANITIZES_THREADS 0
#endif
/* What picks a version runs before the sanitizer has begun. CK_IS_WIDE is whether it is one with 32 registers
   of a whole line. */
#if defined(__x86_64__) && defined(__linux__) && !CK_SANITIZES_THREADS
#define CK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define CK_IS_WIDE __builtin_cpu_supports("x86-64-v4")
#else
#define CK_CLONES
#define CK_IS_WIDE 0
#endif
/* Iterations are independent: a target may be one of the operands, but never a shifted one. */
#define CK_VECTOR _Pragma("clang loop vectorize(assume_safety) interleave(enable)")

#endif

// The instruction set that the including translation unit is compiled for.
//
// Kernels under src/simd/ are compiled once per instruction set, and one set is chosen at run time.
// Everything they share through headers lives in the inline namespace ENTROPROD_ISA: the copies of
// one inline function, compiled with different flags, then have different names, and the linker
// can't merge a copy full of AVX2 into code that runs on any machine.
#pragma once

#ifndef ENTROPROD_ISA
#define ENTROPROD_ISA baseline
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ENTROPROD_RESTRICT __restrict__
#define ENTROPROD_INLINE inline __attribute__((always_inline))
// For what is done once in a while by many: one copy serves them all.
#define ENTROPROD_SHARED __attribute__((noinline))
#else
#define ENTROPROD_RESTRICT __restrict
#define ENTROPROD_INLINE __forceinline
#define ENTROPROD_SHARED __declspec(noinline)
#endif

// Before a loop that is not to be unrolled.
#if defined(__clang__)
#define ENTROPROD_KEEP_LOOP _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define ENTROPROD_KEEP_LOOP _Pragma("GCC unroll 1")
#else
#define ENTROPROD_KEEP_LOOP
#endif

/* Element-wise operations on tiles of float: one function an operation, from the table. */
#include "ck_operations.h"
#include "ck_tiles.h"
#include "ck_math.h"
#include "ck_target.h"

#define R float
/* The builtin for vectors: unlike sqrtf it never sets errno, so that loops become sqrtps. */
#define CK_SQRT(a) __builtin_elementwise_sqrt(a)
#define CK_EXP(a) ck_exp(a)
#define CK_LOG(a) ck_log(a)
#define CK_TANH(a) ck_tanh(a)
#define CK_SIGMOID(a) ck_sigmoid(a)
#define CK_ERF(a) ck_erf(a)
#define CK_POW(a, b) ck_pow(a, b)

/* Whole rows that follow one another are one long row. */
#define CK_JOIN(operand) ((operand).inner_stride == 1 ? (operand).row_stride == n : (operand).row_stride == 0)

#define OP(name, formula) \
  CK_CLONES void ck_map_##name(float *z, ptrdiff_t zs, ck_operand A, ck_operand B, ck_operand C, \
                               ptrdiff_t rows, ptrdiff_t n) { \
    (void)B; (void)C; \
    if (zs == n && CK_JOIN(A)) { n *= rows; rows = 1; } \
    for (ptrdiff_t r = 0; r < rows; r++) { \
      float *zr = z + r * zs; \
      const float *ar = A.data + r * A.row_stride; \
      if (A.inner_stride) { \
        CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) { float a = ar[i]; zr[i] = formula; } \
      } else { \
        float a = ar[0]; float v = formula; \
        CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) zr[i] = v; \
      } \
    } \
  }
CK_UNARY_OPERATIONS(OP)
#undef OP

#define OP(name, formula) \
  CK_CLONES void ck_map_##name(float *z, ptrdiff_t zs, ck_operand A, ck_operand B, ck_operand C, \
                               ptrdiff_t rows, ptrdiff_t n) { \
    (void)C; \
    if (zs == n && CK_JOIN(A) && CK_JOIN(B)) { n *= rows; rows = 1; } \
    for (ptrdiff_t r = 0; r < rows; r++) { \
      float *zr = z + r * zs; \
      const float *ar = A.data + r * A.row_stride, *br = B.data + r * B.row_stride; \
      if (A.inner_stride && B.inner_stride) { \
        CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) { float a = ar[i], b = br[i]; zr[i] = formula; } \
      } else if (A.inner_stride) { \
        float b = br[0]; \
        CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) { float a = ar[i]; zr[i] = formula; } \
      } else if (B.inner_stride) { \
        float a = ar[0]; \
        CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) { float b = br[i]; zr[i] = formula; } \
      } else { \
        float a = ar[0], b = br[0]; float v = formula; \
        CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) zr[i] = v; \
      } \
    } \
  }
CK_BINARY_OPERATIONS(OP)
#undef OP

#define CK_LOOP3(LOADS, formula) \
  { CK_VECTOR for (ptrdiff_t i = 0; i < n; i++) { LOADS zr[i] = formula; } } break;
#define OP(name, formula) \
  CK_CLONES void ck_map_##name(float *z, ptrdiff_t zs, ck_operand A, ck_operand B, ck_operand C, \
                               ptrdiff_t rows, ptrdiff_t n) { \
    if (zs == n && CK_JOIN(A) && CK_JOIN(B) && CK_JOIN(C)) { n *= rows; rows = 1; } \
    int which = (int)(A.inner_stride << 2 | B.inner_stride << 1 | C.inner_stride); \
    for (ptrdiff_t r = 0; r < rows; r++) { \
      float *zr = z + r * zs; \
      const float *ar = A.data + r * A.row_stride, *br = B.data + r * B.row_stride, \
                  *cr = C.data + r * C.row_stride; \
      float sa = ar[0], sb = br[0], sc = cr[0]; \
      switch (which) { \
        case 7: CK_LOOP3(float a = ar[i]; float b = br[i]; float c = cr[i];, formula) \
        case 6: CK_LOOP3(float a = ar[i]; float b = br[i]; float c = sc;, formula) \
        case 5: CK_LOOP3(float a = ar[i]; float b = sb; float c = cr[i];, formula) \
        case 4: CK_LOOP3(float a = ar[i]; float b = sb; float c = sc;, formula) \
        case 3: CK_LOOP3(float a = sa; float b = br[i]; float c = cr[i];, formula) \
        case 2: CK_LOOP3(float a = sa; float b = br[i]; float c = sc;, formula) \
        case 1: CK_LOOP3(float a = sa; float b = sb; float c = cr[i];, formula) \
        default: CK_LOOP3(float a = sa; float b = sb; float c = sc;, formula) \
      } \
    } \
  }
CK_TERNARY_OPERATIONS(OP)
#undef OP

ck_map_function ck_map(int operation) {
  static const ck_map_function table[] = {
#define OP(name, formula) ck_map_##name,
      CK_UNARY_OPERATIONS(OP) CK_BINARY_OPERATIONS(OP) CK_TERNARY_OPERATIONS(OP)
#undef OP
  };
  return table[operation];
}

const char *ck_operation_name(int i) {
  static const char *const names[] = {
#define OP(name, formula) #name,
      CK_UNARY_OPERATIONS(OP) CK_BINARY_OPERATIONS(OP) CK_TERNARY_OPERATIONS(OP)
#undef OP
  };
  return i >= 0 && i < CK_OP_COUNT ? names[i] : NULL;
}

const char *ck_operation_formula(int i) {
  static const char *const formulas[] = {
#define OP(name, formula) #formula,
      CK_UNARY_OPERATIONS(OP) CK_BINARY_OPERATIONS(OP) CK_TERNARY_OPERATIONS(OP)
#undef OP
  };
  return i >= 0 && i < CK_OP_COUNT ? formulas[i] : NULL;
}

int ck_operation_arity(int i) {
  static const int arities[] = {
#define OP(name, formula) 1,
      CK_UNARY_OPERATIONS(OP)
#undef OP
#define OP(name, formula) 2,
          CK_BINARY_OPERATIONS(OP)
#undef OP
#define OP(name, formula) 3,
              CK_TERNARY_OPERATIONS(OP)
#undef OP
  };
  return i >= 0 && i < CK_OP_COUNT ? arities[i] : 0;
}

/* The element-wise operations, one line each; the names are those of NormaGraph's Elementwise.
   From this table come the tile loops (float) and the loops over small arrays (double).
   R is float or double; the *_OF macros pick the function of that type. */
#ifndef CK_OPERATIONS_H
#define CK_OPERATIONS_H

#define CK_UNARY_OPERATIONS(OP) \
  OP(copy, a) \
  OP(neg, -a) \
  OP(abs, a < 0 ? -a : a) \
  OP(sign, a > 0 ? (R)1 : a < 0 ? (R)-1 : a) \
  OP(square, a * a) \
  OP(sqrt, CK_SQRT(a)) \
  OP(rsqrt, (R)1 / CK_SQRT(a)) \
  OP(exp, CK_EXP(a)) \
  OP(log, CK_LOG(a)) \
  OP(tanh, CK_TANH(a)) \
  OP(sigmoid, CK_SIGMOID(a)) \
  OP(erf, CK_ERF(a))

#define CK_BINARY_OPERATIONS(OP) \
  OP(add, a + b) \
  OP(sub, a - b) \
  OP(mul, a * b) \
  OP(div, a / b) \
  OP(pow, CK_POW(a, b)) \
  OP(min, a <= b || a != a ? a : b) \
  OP(max, a >= b || a != a ? a : b) \
  OP(lt, a < b ? (R)1 : (R)0) \
  OP(le, a <= b ? (R)1 : (R)0) \
  OP(gt, a > b ? (R)1 : (R)0) \
  OP(ge, a >= b ? (R)1 : (R)0) \
  OP(eq, a == b ? (R)1 : (R)0)

/* center: a - (b + c) where b + c is one number in two floats.  fma: a * b + c. */
#define CK_TERNARY_OPERATIONS(OP) \
  OP(clamp, a < b ? b : a > c ? c : a) \
  OP(select, a != (R)0 ? b : c) \
  OP(center, (a - b) - c) \
  OP(fma, a * b + c)

enum {
#define OP(name, formula) CK_OP_##name,
  CK_UNARY_OPERATIONS(OP) CK_BINARY_OPERATIONS(OP) CK_TERNARY_OPERATIONS(OP)
#undef OP
  CK_OP_COUNT
};

/* The name of operation i, or NULL; how a caller finds an operation by name. */
const char *ck_operation_name(int i);
/* The number of operands of operation i. */
int ck_operation_arity(int i);

#endif

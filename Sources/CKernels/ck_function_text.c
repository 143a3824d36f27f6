/* The text of ck_functions.h as a string, for native code. */
#include "ck_operations.h"

#define CK_FUNCTION(...) #__VA_ARGS__ "\n"

const char *ck_function_text(void) {
  return
#include "ck_functions.h"
      ;
}

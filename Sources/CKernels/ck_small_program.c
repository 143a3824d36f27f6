#include "ck_small_program.h"

#include "ck_operations.h"

static double *at(const ck_small_memory *memory, ck_place place) {
  return memory->doubles[place.worker] + place.offset;
}

static void extent_of(const ck_step *s, int64_t rows, int64_t *extent) {
  for (int i = 0; i < CK_AXES; i++) extent[i] = s->extent[i];
  if (s->varying) extent[2] = rows;
}

/* Rounds an array, line by line along its longest axis. */
static void write_floats(const ck_step *s, const int64_t *extent, const ck_small_memory *memory) {
  int inner = s->axis >= 0 ? s->axis : CK_AXES - 1;
  int64_t lines = 1, e[CK_AXES] = {0}, at_axis[CK_AXES] = {0};
  if (s->axis < 0) {
    for (int i = 0; i < CK_AXES; i++)
      if (extent[i] > extent[inner]) inner = i;
    for (int i = 0; i < CK_AXES; i++) {
      e[i] = i == inner ? 1 : extent[i];
      lines *= e[i];
    }
  }
  float *high = memory->floats[s->z.worker] + s->z.offset;
  float *low = s->b.offset >= 0 ? memory->floats[s->b.worker] + s->b.offset : 0;
  const double *a = at(memory, s->a);
  int outside = 0;
  for (int64_t line = 0; line < lines; line++) {
    int64_t zo = 0, ao = 0;
    for (int i = 0; i < CK_AXES; i++) {
      zo += at_axis[i] * s->zs[i];
      ao += at_axis[i] * s->as[i];
    }
    outside |= ck_small_to_float(extent[inner], high + zo, low ? low + zo : 0, s->zs[inner], a + ao,
                                 s->as[inner]);
    if (line + 1 == lines) break;
    for (int i = CK_AXES - 1; i >= 0 && ++at_axis[i] == e[i]; i--) at_axis[i] = 0;
  }
  if (outside && s->c.offset >= 0) *at(memory, s->c) = 1;
}

void ck_widen_small(const ck_step *steps, int64_t count, const ck_small_memory *memory,
                    double *const wide[2], int64_t rows) {
  static const int64_t none[CK_AXES] = {0};
  static const double zero = 0;
  for (int64_t k = 0; k < count; k++) {
    const ck_step *s = steps + k;
    if (s->what != CK_STEP_FLOAT) continue;
    int64_t extent[CK_AXES];
    extent_of(s, rows, extent);
    const double *a = at(memory, s->a);
    ck_small_map(CK_OP_copy, extent, wide[s->z.worker] + s->z.offset, s->zs, a, s->as, a, s->as, a,
                 s->as);
    if (s->b.offset >= 0)
      ck_small_map(CK_OP_copy, extent, wide[s->b.worker] + s->b.offset, s->zs, &zero, none, &zero,
                   none, &zero, none);
  }
}

void ck_run_small(const ck_step *steps, int64_t count, const ck_small_memory *memory,
                  int64_t rows) {
  for (int64_t k = 0; k < count; k++) {
    const ck_step *s = steps + k;
    int64_t extent[CK_AXES];
    extent_of(s, rows, extent);
    if (s->axis >= 0 && s->what == CK_STEP_MAP) {
      int k = s->axis;
      ck_small_map_line(s->operation, extent[k], at(memory, s->z), s->zs[k], at(memory, s->a),
                        s->as[k], at(memory, s->b), s->bs[k], at(memory, s->c), s->cs[k]);
      continue;
    }
    switch (s->what) {
      case CK_STEP_MAP:
        ck_small_map(s->operation, extent, at(memory, s->z), s->zs, at(memory, s->a), s->as,
                     at(memory, s->b), s->bs, at(memory, s->c), s->cs);
        break;
      case CK_STEP_FOLD:
        ck_small_fold(s->operation, s->start, extent, at(memory, s->z), s->zs, at(memory, s->a),
                      s->as);
        break;
      case CK_STEP_MOMENTS:
        ck_small_merge_moments(extent, at(memory, s->z), s->z_plane, s->zs, at(memory, s->a),
                               s->a_plane, s->as);
        break;
      default:
        write_floats(s, extent, memory);
        break;
    }
  }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/policy/walk.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * The inner loop. It is compiled twice from one text: to stop at the first violation (the check that every write goes through), and to report all.
 * Every length is checked against the end of the innermost open document before it is used; the bytes of a dead subtree are not
 * read at all.
 */

#define INLINE static inline __attribute__ ((always_inline))

/* How a type's size follows: low bits what to add, high bits what the first four bytes mean. */
#define SHAPE_SIZE 0x1fu
#define SHAPE_LENGTH 0x20u /* ... plus the length that the value starts with */
#define SHAPE_SPECIAL 0x40u /* regular expression */
#define SHAPE_VALID 0x80u

static const uint8_t shapes[256] = {
   [1] = SHAPE_VALID | 8,
   [2] = SHAPE_VALID | SHAPE_LENGTH | 4,
   [3] = SHAPE_VALID | SHAPE_LENGTH,
   [4] = SHAPE_VALID | SHAPE_LENGTH,
   [5] = SHAPE_VALID | SHAPE_LENGTH | 5,
   [6] = SHAPE_VALID,
   [7] = SHAPE_VALID | 12,
   [8] = SHAPE_VALID | 1,
   [9] = SHAPE_VALID | 8,
   [10] = SHAPE_VALID,
   [11] = SHAPE_VALID | SHAPE_SPECIAL,
   [12] = SHAPE_VALID | SHAPE_LENGTH | 16,
   [13] = SHAPE_VALID | SHAPE_LENGTH | 4,
   [14] = SHAPE_VALID | SHAPE_LENGTH | 4,
   [15] = SHAPE_VALID | SHAPE_LENGTH,
   [16] = SHAPE_VALID | 4,
   [17] = SHAPE_VALID | 8,
   [18] = SHAPE_VALID | 8,
   [19] = SHAPE_VALID | 16,
   [127] = SHAPE_VALID,
   [255] = SHAPE_VALID,
};

#define BAD_SIZE SIZE_MAX

static __attribute__ ((noinline)) size_t
regex_size (const uint8_t *value, size_t room)
{
   const uint8_t *end = memchr (value, 0, room);
   const uint8_t *options = end ? memchr (end + 1, 0, room - (size_t)(end + 1 - value)) : NULL;

   return options ? (size_t)(options + 1 - value) : BAD_SIZE;
}

/* Least value of the length in front: a string counts its terminator, a document its frame. */
static const uint8_t least_lengths[20] = {[2] = 1, [3] = 5, [4] = 5, [12] = 1, [13] = 1, [14] = 1, [15] = 14};

/* Size of a value's bytes, or BAD_SIZE. */
INLINE size_t
value_size (uint8_t type, const uint8_t *value, size_t room)
{
   const uint8_t shape = shapes[type];
   size_t size = shape & SHAPE_SIZE;

   if (shape & SHAPE_LENGTH) {
      if (room < 4) {
         return BAD_SIZE;
      }
      uint32_t n = fg_read_u32le (value);
      size += n;
      return n >= least_lengths[type] && size <= room ? size : BAD_SIZE;
   }
   if (__builtin_expect ((shape & (SHAPE_SPECIAL | SHAPE_VALID)) != SHAPE_VALID, 0)) {
      return shape & SHAPE_VALID ? regex_size (value, room) : BAD_SIZE;
   }
   return size <= room ? size : BAD_SIZE;
}

bool
fg_policy_value_size (uint8_t type, const uint8_t *value, size_t room, size_t *size)
{
   *size = value_size (type, value, room);
   return *size != BAD_SIZE;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

#define SLOW_DOT ((size_t)1 << 40) /* beyond any length */

static __attribute__ ((noinline)) size_t
scan_name_slowly (const char *name, size_t room)
{
   size_t len = strnlen (name, room);
   return len | (memchr (name, '.', len) ? SLOW_DOT : 0);
}

/* The length of a name, and whether it has a dot. The buffer's last byte is 0, so there is an end. */
#ifdef __SSE2__
INLINE uint32_t
byte_mask (__m128i bytes, char wanted)
{
   return (uint32_t)_mm_movemask_epi8 (_mm_cmpeq_epi8 (bytes, _mm_set1_epi8 (wanted)));
}

INLINE size_t
scan_name (const char *name, const char *start, const char *limit, bool *dot)
{
   const size_t room = (size_t)(limit - name);
   uint32_t zeros = 0, dots = 0;
   __m128i bytes;

   if (__builtin_expect (room >= 16, 1)) {
      memcpy (&bytes, name, sizeof bytes);
      zeros = byte_mask (bytes, 0);
      dots = byte_mask (bytes, '.');
   } else if (limit - start >= 16) {
      /* Near the end: the last sixteen bytes of the buffer, with those before the name shifted away. */
      memcpy (&bytes, limit - 16, sizeof bytes);
      zeros = byte_mask (bytes, 0) >> (16 - room);
      dots = byte_mask (bytes, '.') >> (16 - room);
   }
   if (__builtin_expect (zeros != 0, 1)) {
      *dot = (dots & (zeros ^ (zeros - 1))) != 0; /* among the bits up to the first zero byte */
      return (size_t)(uint32_t)__builtin_ctz (zeros);
   }
   size_t len = scan_name_slowly (name, room);
   *dot = (len & SLOW_DOT) != 0;
   return len & ~SLOW_DOT;
}
#else
#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u
#define DOTS 0x2e2e2e2e2e2e2e2eu

INLINE uint64_t
zero_bytes (uint64_t word)
{
   return (word - ONES) & ~word & HIGHS;
}

/* The same with the eight bytes of a word (little-endian). */
INLINE size_t
scan_name (const char *name, const char *start, const char *limit, bool *dot)
{
   (void)start;
   if (limit - name >= 8) {
      uint64_t word = fg_read_word (name), zeros = zero_bytes (word);
      if (zeros != 0) {
         uint64_t below = ((zeros & -zeros) >> 7) - 1;
         *dot = zero_bytes ((word & below) ^ DOTS) != 0;
         return (size_t)__builtin_ctzll (zeros) >> 3;
      }
   }
   size_t len = scan_name_slowly (name, (size_t)(limit - name));
   *dot = (len & SLOW_DOT) != 0;
   return len & ~SLOW_DOT;
}
#endif

static const fg_policy_slot no_slot = {.len = FG_POLICY_NONE};

/* Whether the name is that of the slot, whose length it then has. Documents tend to have their fields in the order of the rules: a comparison that comes out as
 * expected lets the processor go on with the next element before it has found the end of this one's name. */
INLINE bool
is_expected (const fg_policy_slot *slot, const char *name, size_t room)
{
   return fg_name_is (name, room, slot->head, slot->tail, slot->len);
}

/* Looks a name up. The buffer has at least eight bytes from the name on, or room says how many. */
INLINE const fg_policy_slot *
find_name (const fg_policy *policy, const fg_policy_state *state, const char *name, size_t len, size_t room)
{
   uint64_t head, tail;

   if (!(state->filter >> fg_name_filter_bit (name, len) & 1)) {
      return NULL;
   }
   fg_name_words_within (name, len, room, &head, &tail);
   return fg_policy_find_words (policy, state, name, len, head, tail);
}

/* --- frames ------------------------------------------------------------------------------------------------------- */

typedef struct frame {
   const uint8_t *last; /* the terminator of this document or array */
   uint64_t seen; /* protected names seen here, when there are at most 64 */
   const uint32_t *order; /* the name that is expected next, by its slot */
   uint32_t state;
   uint32_t words; /* first word of seen names otherwise */
   uint32_t position; /* array: of the next element */
   bool array;
   fg_step_kind kind; /* how its own value was reached */
   const fg_policy_slot *slot;
   uint32_t index;
} frame;

/* Where the open documents are kept; most policies are shallow, and pay for a small one. */
typedef struct stack {
   frame *frames;
   uint64_t *seen;
} stack;

#define SMALL_HEIGHT 14u

/* An element that is being looked at. */
typedef struct element {
   uint8_t type;
   const uint8_t *value;
   size_t size;
   uint32_t target;
   fg_step_kind kind;
   const fg_policy_slot *slot; /* FG_STEP_NAME */
   uint32_t index; /* FG_STEP_ITEM */
   const char *dotted; /* FG_REASON_LITERAL_DOTTED: the name */
   size_t dotted_len;
} element;

static __attribute__ ((noinline)) fg_check
malformed (fg_walk *walk)
{
   walk->reason = FG_REASON_CANNOT_DECIDE;
   (void)fg_error_set (walk->err, FG_ERROR_BSON, FG_E_INVALID, NULL, "the document is not well-formed BSON");
   return FG_CHECK_ERROR;
}

static fg_step
step_of (const fg_policy *policy, fg_step_kind kind, const fg_policy_slot *slot, uint32_t index)
{
   bool named = kind == FG_STEP_NAME && slot;
   return (fg_step){kind, named ? policy->names + slot->name : "", named ? slot->len : 0, index};
}

/* One component of a name with dots, from state to state. Array positions may be part of such a name. */
static bool
spell_step (fg_walk *walk, uint32_t *number, const char *name, size_t len, fg_step *step)
{
   const fg_policy_state *state = walk->policy->states + *number;
   const fg_policy_slot *slot = fg_policy_find (walk->policy, state, name, len);

   *step = step_of (walk->policy, slot && !(slot->bit & FG_SLOT_WILD) ? FG_STEP_NAME : FG_STEP_WILD, slot, 0);
   if (!fg_policy_follow (walk, state, name, len, number)) {
      return false;
   }
   if (*number == FG_POLICY_DEAD && len > 0 && len < 8 && strspn (name, "0123456789") == len) {
      step->kind = FG_STEP_ITEM;
      step->index = (uint32_t)strtoul (name, NULL, 10);
      *number = fg_policy_item (walk->policy, state, step->index);
   }
   return true;
}

/* Whether a rule's own path has come to where a ciphertext is expected and nothing else: a name that goes on from here goes through it. */
static bool
goes_through (const fg_policy_state *state, const fg_step *step)
{
   return step->kind == FG_STEP_NAME && (state->flags & FG_STATE_LEAF) &&
          ((state->flags & FG_STATE_HARD) || !(state->flags & FG_STATE_NAMES));
}

/* A name with dots: does it spell a path that leads to a rule, or through one? *n: its components, of which no more than max go into steps. */
static bool
spells_path (fg_walk *walk, uint32_t number, const char *name, size_t len, bool *spells, fg_step *steps, size_t max,
             size_t *n)
{
   const char *end = name + len;

   *spells = false;
   for (*n = 0;; ++*n) {
      const char *dot = memchr (name, '.', (size_t)(end - name));
      fg_step step;
      if (!spell_step (walk, &number, name, (size_t)((dot ? dot : end) - name), &step)) {
         return false;
      }
      if (*n < max) {
         steps[*n] = step;
      }
      if (number == FG_POLICY_DEAD || !dot || goes_through (walk->policy->states + number, &step)) {
         *spells = number != FG_POLICY_DEAD;
         ++*n;
         return true;
      }
      name = dot + 1;
   }
}

/* Reports one violation; true when the walk goes on. */
static __attribute__ ((noinline)) bool
report (fg_walk *walk, const stack *open, const frame *top, const element *at, fg_reason reason, fg_policy_kind kind)
{
   fg_step steps[2 * (FG_POLICY_MAX_DEPTH + 2)];
   const size_t max = sizeof steps / sizeof steps[0];
   size_t n = 0, more;
   bool spells;

   walk->reason = walk->hits++ ? walk->reason : reason;
   if (!walk->hit) {
      return false;
   }
   for (const frame *f = top ? open->frames + 1 : NULL; f && f <= top; f++) {
      steps[n++] = step_of (walk->policy, f->kind, f->slot, f->index);
   }
   if (at->dotted) {
      if (!spells_path (walk, top->state, at->dotted, at->dotted_len, &spells, steps + n, max - n, &more)) {
         return false;
      }
      n = more < max - n ? n + more : max;
   } else if (top) {
      steps[n++] = step_of (walk->policy, at->kind, at->slot, at->index);
   }
   fg_hit hit = {steps, n, reason, kind, at->type, at->value, at->size};
   return walk->hit (walk->ctx, &hit);
}

/* True when the name was seen before in this document. */
INLINE bool
seen_before (stack *open, frame *top, const fg_policy_state *state, uint32_t bit)
{
   uint64_t *word = state->n_names <= 64 ? &top->seen : open->seen + top->words + bit / 64;
   uint64_t mask = (uint64_t)1 << (bit & 63);
   /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a policy with a wide state has its words reserved at the start */
   bool seen = (*word & mask) != 0;

   *word |= mask;
   return seen;
}

/* Whether the rules expect a document or array here and the value is one. */
INLINE bool
can_descend (const fg_policy_state *state, uint8_t type)
{
   return (type == 3 && (state->flags & FG_STATE_NAMES)) || (type == 4 && (state->flags & FG_STATE_ITEMS));
}

/* A value on the way to a rule that leads no further. Null carries nothing. */
static fg_reason
judge_dead_end (const fg_walk *walk, uint8_t type)
{
   if (!walk->policy->strict || type == 10 || type == 6) {
      return FG_REASON_NONE;
   }
   return type == 4 ? FG_REASON_ARRAY_ON_PATH : FG_REASON_SCALAR_ON_PATH;
}

/* What a value in a live state needs: FG_REASON_NONE and *descend, or its verdict. */
INLINE fg_reason
judge_value (const fg_walk *walk, const fg_policy_state *state, uint8_t type, const uint8_t *value, size_t size,
             bool *descend, fg_policy_kind *kind)
{
   const uint32_t flags = state->flags;

   *descend = false;
   if (flags & FG_STATE_LEAF) {
      if ((flags & FG_STATE_HARD) || !can_descend (state, type)) {
         if (state->rule != FG_POLICY_NONE) {
            const fg_policy_rule *rule = walk->policy->rules + state->rule;
            *kind = (fg_policy_kind)rule->kind;
            return fg_policy_judge (walk->policy, rule, type, value, size, walk->phase);
         }
         return fg_policy_judge_formula (walk->policy, walk->policy->words + state->leaf, type, value, size,
                                         walk->phase, kind);
      }
      *descend = true;
      return FG_REASON_NONE;
   }
   if (can_descend (state, type)) {
      *descend = true;
      return FG_REASON_NONE;
   }
   return judge_dead_end (walk, type);
}

/* CSFLE or QE: that of the first rule below, for the name of the operator in errInfo. */
static fg_policy_kind
kind_below (const fg_policy *policy, uint32_t number, uint32_t depth)
{
   const fg_policy_state *state = policy->states + number;

   if (number == FG_POLICY_DEAD || depth == 0) {
      return FG_POLICY_CSFLE;
   }
   if (state->flags & FG_STATE_LEAF) {
      return (fg_policy_kind)policy->rules[policy->words[state->leaf + 1]].kind;
   }
   for (uint32_t i = 0; state->n_names && i < 1u << state->slot_bits; i++) {
      const fg_policy_slot *slot = policy->slots + state->slots + i;
      if (slot->len != FG_POLICY_NONE && slot->target != FG_POLICY_DEAD) {
         return kind_below (policy, slot->target, depth - 1);
      }
   }
   return FG_POLICY_CSFLE;
}

/* Opens a document; false when its own length lies. */
INLINE bool
push (const fg_policy *policy, stack *open, frame *top, const uint8_t *doc, size_t size, uint32_t number, bool array)
{
   const fg_policy_state *state = policy->states + number;

   if (size < 5 || fg_read_u32le (doc) != size || doc[size - 1] != 0) {
      return false;
   }
   top->last = doc + size - 1;
   top->seen = 0;
   top->order = policy->words + state->order;
   top->state = number;
   top->position = 0;
   top->array = array;
   if (__builtin_expect (open->seen && state->n_names > 64, 0)) {
      memset (open->seen + top->words, 0, (state->n_names + 63) / 64 * sizeof open->seen[0]);
   }
   return true;
}

/* Words that the frame above the given one may use. */
INLINE uint32_t
next_words (const frame *f, const fg_policy_state *state)
{
   return f->words + (state->n_names > 64 ? (state->n_names + 63) / 64 : 0);
}

/* Which names need a closer look: in an array, or where patterns may match, all. */
INLINE uint64_t
filter_of (const frame *top, const fg_policy_state *state)
{
   return top->array || (state->flags & FG_STATE_WILD) ? UINT64_MAX : state->filter;
}

INLINE bool
is_id (const char *name, size_t len)
{
   return len == 3 && memcmp (name, "_id", 3) == 0;
}

/* A name with dots. False: the walk ends with *verdict. *spelled: it was reported, and its value is not looked at further. */
static __attribute__ ((noinline)) bool
check_dotted (fg_walk *walk, const stack *open, const frame *top, const element *at, fg_check *verdict, bool *spelled)
{
   size_t components;

   if (!spells_path (walk, top->state, at->dotted, at->dotted_len, spelled, NULL, 0, &components)) {
      *verdict = FG_CHECK_ERROR;
      return false;
   }
   if (!*spelled) {
      return true;
   }
   *verdict = FG_CHECK_VIOLATION;
   return report (walk, open, top, at, FG_REASON_LITERAL_DOTTED, kind_below (walk->policy, top->state, 8));
}

/* The innermost loop, apart so that it has the registers to itself: hops to the next element that the filter lets through. False: malformed. At the end of
 * the document, out->at is the end. */
typedef struct found {
   const fg_policy_slot *slot; /* of the name, where that is known already */
   const uint8_t *at;
   size_t name_len;
   const uint8_t *value;
   size_t size;
   bool dot;
} found;

INLINE bool
next_found (const uint8_t *at, const uint8_t *last, const char *start, const char *limit, uint64_t filter,
            const fg_policy_slot *expected, found *out)
{
   while (at < last) {
      const char *const name = (const char *)at + 1;
      const bool known = is_expected (expected, name, (size_t)(limit - name));
      bool dot = false;
      const size_t len = known ? expected->len : scan_name (name, start, limit, &dot);
      const uint8_t *const value = at + len + 2;
      if (__builtin_expect (value > last, 0)) {
         return false;
      }
      const size_t size = value_size (*at, value, (size_t)(last - value));
      if (__builtin_expect (size == BAD_SIZE, 0)) {
         return false;
      }
      if (__builtin_expect (known || (filter >> fg_name_filter_bit (name, len) & 1) != 0 || dot, 0)) {
         *out = (found){known ? expected : NULL, at, len, value, size, dot};
         return true;
      }
      at = value + size;
   }
   out->at = at;
   return at == last;
}

INLINE fg_check
run (fg_walk *walk, stack *open, const uint8_t *doc, size_t len, uint32_t number, bool array, const bool reporting)
{
   const fg_policy *const policy = walk->policy;
   const bool strict = policy->strict;
   const char *const limit = (const char *)doc + len;
   const fg_policy_state *state = policy->states + number;
   frame *top = open->frames;
   const uint8_t *at = doc + 4;
   fg_check verdict = FG_CHECK_OK;

   top->words = 0;
   if (len > INT32_MAX || !push (policy, open, top, doc, len, number, array)) {
      return malformed (walk);
   }
   for (;;) {
      found next;
      const fg_policy_slot *expected = *top->order == FG_POLICY_NONE ? &no_slot : policy->slots + *top->order;
      if (!next_found (at, top->last, (const char *)doc, limit, filter_of (top, state),
                       top->array ? &no_slot : expected, &next)) {
         return malformed (walk);
      }
      if (next.at == top->last) {
         at = next.at + 1;
         if (top == open->frames) {
            return verdict;
         }
         top--;
         state = policy->states + top->state;
         continue;
      }
      const uint8_t type = *next.at;
      const char *const name = (const char *)next.at + 1;
      /* NOLINTBEGIN(clang-analyzer-core.uninitialized.Assign): all are set whenever the step is an element */
      const size_t name_len = next.name_len, size = next.size;
      const uint8_t *const value = next.value;
      const bool dot = next.dot;
      /* NOLINTEND(clang-analyzer-core.uninitialized.Assign) */
      at = value + size;
      const fg_policy_slot *slot = NULL;
      uint32_t target = FG_POLICY_DEAD, index = 0;
      fg_step_kind step = FG_STEP_WILD;
      if (top->array) {
         step = FG_STEP_ITEM;
         index = top->position++;
         target = fg_policy_item (policy, state, index);
      } else {
         if (__builtin_expect (dot, 0) && strict) {
            const element dotted = {type, value, size, FG_POLICY_DEAD, FG_STEP_WILD, NULL, 0, name, name_len};
            bool spelled;
            if (!check_dotted (walk, open, top, &dotted, &verdict, &spelled)) {
               return verdict;
            }
            if (spelled) {
               continue;
            }
         }
         slot = next.slot ? next.slot : find_name (policy, state, name, name_len, (size_t)(limit - name));
         if (slot) {
            top->order = policy->words + state->order + (slot->bit & ~FG_SLOT_WILD) + 1;
         }
         if (slot && (slot->bit & FG_SLOT_WILD)) {
            target = slot->target;
         } else if (slot) {
            step = FG_STEP_NAME;
            target = slot->target;
            if (target != FG_POLICY_DEAD && seen_before (open, top, state, slot->bit) && strict) {
               const element again = {type, value, size, target, step, slot, 0, NULL, 0};
               verdict = FG_CHECK_VIOLATION;
               if (!report (walk, open, top, &again, FG_REASON_DUPLICATE_NAME, kind_below (policy, target, 8))) {
                  return verdict;
               }
            }
         } else if ((state->flags & FG_STATE_WILD) && !fg_policy_follow_wild (walk, state, name, name_len, &target)) {
            return FG_CHECK_ERROR;
         }
      }
      if (target == FG_POLICY_DEAD) {
         continue;
      }
      const fg_policy_state *below = policy->states + target;
      fg_policy_kind kind = FG_POLICY_CSFLE;
      bool descend;
      fg_reason reason = judge_value (walk, below, type, value, size, &descend, &kind);
      if (descend) {
         uint32_t words = next_words (top, state);
         top++;
         top->words = words;
         if (!push (policy, open, top, value, size, target, type == 4)) {
            return malformed (walk);
         }
         if (reporting) {
            top->kind = step;
            top->slot = slot;
            top->index = index;
         }
         state = below;
         at = value + 4;
         continue;
      }
      /* Any document has an _id: a rule for the inside of whatever names it has does not mean it. */
      if (__builtin_expect (reason != FG_REASON_NONE, 0) &&
          !(reason == FG_REASON_SCALAR_ON_PATH && step == FG_STEP_WILD && top == open->frames &&
            is_id (name, name_len))) {
         const element refused = {type, value, size, target, step, slot, index, NULL, 0};
         verdict = FG_CHECK_VIOLATION;
         kind = below->flags & FG_STATE_LEAF ? kind : kind_below (policy, target, 8);
         if (!report (walk, open, top, &refused, reason, kind)) {
            return verdict;
         }
      }
   }
}

/* A rule at the root can never hold: a document is not a ciphertext. */
static fg_check
refuse_root (fg_walk *walk, const uint8_t *doc, size_t len)
{
   const element e = {3, doc, len, walk->policy->root, FG_STEP_WILD, NULL, 0, NULL, 0};
   (void)report (walk, NULL, NULL, &e, FG_REASON_NOT_ENCRYPTED, kind_below (walk->policy, walk->policy->root, 8));
   return FG_CHECK_VIOLATION;
}

static __attribute__ ((noinline)) fg_check
walk_deep (fg_walk *walk, const uint8_t *doc, size_t len, uint32_t state, bool array)
{
   frame frames[FG_POLICY_MAX_DEPTH + 2];
   uint64_t seen[FG_POLICY_SEEN_WORDS + 1];
   stack open = {frames, seen};

   return walk->hit ? run (walk, &open, doc, len, state, array, true)
                    : run (walk, &open, doc, len, state, array, false);
}

fg_check
fg_policy_walk (fg_walk *walk, const uint8_t *doc, size_t len, uint32_t state, bool array)
{
   const fg_policy *policy = walk->policy;
   frame frames[SMALL_HEIGHT + 2];
   stack open = {frames, NULL};

   if (len < 5) {
      return malformed (walk);
   }
   if (state == policy->root && !array && (policy->states[state].flags & FG_STATE_HARD)) {
      return refuse_root (walk, doc, len);
   }
   if (walk->hit || policy->height > SMALL_HEIGHT || policy->seen_words > 0) {
      return walk_deep (walk, doc, len, state, array);
   }
   return run (walk, &open, doc, len, state, array, false);
}

fg_check
fg_policy_walk_value (fg_walk *walk, uint8_t type, const uint8_t *value, size_t len, uint32_t state)
{
   bool descend;
   fg_policy_kind kind;

   if (value_size (type, value, len) != len) {
      return malformed (walk);
   }
   walk->reason = judge_value (walk, walk->policy->states + state, type, value, len, &descend, &kind);
   if (descend) {
      return fg_policy_walk (walk, value, len, state, type == 4);
   }
   return walk->reason == FG_REASON_NONE ? FG_CHECK_OK : FG_CHECK_VIOLATION;
}

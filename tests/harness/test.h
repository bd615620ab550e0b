/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The whole unit-test framework: a program lists its functions with TEST_LIST and prints TAP.
 *
 *         static void test_refuses_an_empty_topic(void) { CHECK(...); }
 *         TEST_MAIN(test_refuses_an_empty_topic, ...)
 *
 * A failed check ends the program; TAP's plan line, printed first, makes the missing results count.
 * TEST_NEEDS ends a test that can't be run here, under an emulator for example, and says why.
 */

#undef NDEBUG

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(_expr)                                                                       \
        do {                                                                               \
                if (!(_expr)) {                                                            \
                        (void)printf("Bail out! %s:%d: %s\n", __FILE__, __LINE__, #_expr); \
                        (void)fflush(stdout);                                              \
                        abort();                                                           \
                }                                                                          \
        } while (0)

#define CHECK_STR(_a, _b)                                                                        \
        do {                                                                                     \
                const char *_sa = (_a), *_sb = (_b);                                             \
                if (!_sa || !_sb || strcmp(_sa, _sb) != 0) {                                     \
                        (void)printf("Bail out! %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__,    \
                                     __LINE__, #_a, _sa ? _sa : "(null)", _sb ? _sb : "(null)"); \
                        (void)fflush(stdout);                                                    \
                        abort();                                                                 \
                }                                                                                \
        } while (0)

#define CHECK_INT(_a, _b)                                                                 \
        do {                                                                              \
                long long _ia = (long long)(_a), _ib = (long long)(_b);                   \
                if (_ia != _ib) {                                                         \
                        (void)printf("Bail out! %s:%d: %s is %lld, not %lld\n", __FILE__, \
                                     __LINE__, #_a, _ia, _ib);                            \
                        (void)fflush(stdout);                                             \
                        abort();                                                          \
                }                                                                         \
        } while (0)

/* Why the running test is skipped, or NULL. */
static inline const char **test_skipped(void) {
        static const char *reason;

        return &reason;
}

#define TEST_NEEDS(_expr, _reason)                 \
        do {                                       \
                if (!(_expr)) {                    \
                        *test_skipped() = _reason; \
                        return;                    \
                }                                  \
        } while (0)

typedef struct Test {
        const char *name;
        void (*func)(void);
} Test;

static inline int test_run(const Test *tests, size_t n_tests) {
        (void)printf("1..%zu\n", n_tests);
        for (size_t i = 0; i < n_tests; i++) {
                *test_skipped() = NULL;
                tests[i].func();
                (void)printf("ok %zu - %s%s%s\n", i + 1, tests[i].name,
                             *test_skipped() ? " # SKIP " : "",
                             *test_skipped() ? *test_skipped() : "");
                (void)fflush(stdout);
        }
        return EXIT_SUCCESS;
}

#define TEST(_func) \
        { #_func, _func }

#define TEST_MAIN(...)                                                    \
        int main(void) {                                                  \
                static const Test tests[] = {__VA_ARGS__};                \
                return test_run(tests, sizeof(tests) / sizeof(tests[0])); \
        }

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Attributes, ownership and cleanup
 *
 * Every fallible function of this program returns an int in three bands: 0 (or a documented
 * count) for success; a negative errno for the unexpected, which callers forward unchanged; a
 * positive FOO_E_* where the header says so, which the direct caller must handle.
 * Output parameters come last, are called ret or ret_x, and are untouched on failure.
 */

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(_f)       __attribute__((__cleanup__(_f)))
#define _warn_unused_       __attribute__((__warn_unused_result__))
#define _printf_(_fmt, _at) __attribute__((__format__(__printf__, _fmt, _at)))
#define _unused_            __attribute__((__unused__))

#define ARRAY_SIZE(_a) (sizeof(_a) / sizeof((_a)[0]))

/* Moves a pointer out of a variable that is cleaned up at the end of its scope. */
#define TAKE_PTR(_p)                                        \
        __extension__({                                     \
                __typeof__(_p) *_pp = &(_p), _taken = *_pp; \
                *_pp = NULL;                                \
                _taken;                                     \
        })

/* The same for a file descriptor. */
#define TAKE_FD(_fd)                                   \
        __extension__({                                \
                int *_fdp = &(_fd), _taken_fd = *_fdp; \
                *_fdp = -1;                            \
                _taken_fd;                             \
        })

/* Defines _func##p, the cleanup handler of a destructor that takes the object itself. The static
 * assertion only takes the semicolon that follows a use. */
#define DEFINE_CLEANUP(_type, _func) /* NOLINTNEXTLINE(bugprone-macro-parentheses): a type */ \
        static inline void _func##p(_type *_p) {                                              \
                if (*_p)                                                                      \
                        (void)_func(*_p);                                                     \
        }                                                                                     \
        _Static_assert(1, "")

static inline void freep(void *p) {
        free(*(void **)p);
}

static inline void closep(const int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

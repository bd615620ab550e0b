/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/puback.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cloud/paho-socket.h"
#include "util/macro.h"

/* MQTT 3.1.1 §3.4: type and flags, remaining length, packet id. */
#define PUBACK_SIZE 4U
#define PUBACK_TYPE 0x40
#define PUBACK_REST 0x02

#define WORD_BITS 64U

static atomic_uint_fast64_t withheld[(UINT16_MAX + 1) / WORD_BITS]; /* a bit for each packet id */
static atomic_bool any;                                             /* of them is set, or was */
static atomic_bool seen; /* the library's writes come by here */

static uint64_t bit_of(uint16_t packet_id) {
        return UINT64_C(1) << (packet_id % WORD_BITS);
}

bool puback_withhold(uint16_t packet_id) {
        if (!atomic_load(&seen))
                return false;
        atomic_fetch_or(&withheld[packet_id / WORD_BITS], bit_of(packet_id));
        atomic_store(&any, true);
        return true;
}

void puback_permit(uint16_t packet_id) {
        if (atomic_load(&any))
                atomic_fetch_and(&withheld[packet_id / WORD_BITS], ~bit_of(packet_id));
}

void puback_permit_all(void) {
        for (size_t i = 0; i < ARRAY_SIZE(withheld); i++)
                atomic_store(&withheld[i], 0);
        atomic_store(&any, false);
        atomic_store(&seen, false);
}

bool puback_is_withheld(const void *data, size_t size) {
        const uint8_t *bytes = data;
        uint16_t packet_id;

        if (atomic_load(&seen) && !atomic_load(&any))
                return false;
        if (!paho_socket_is_library_thread())
                return false;
        atomic_store(&seen, true);
        if (size != PUBACK_SIZE || bytes[0] != PUBACK_TYPE || bytes[1] != PUBACK_REST)
                return false;
        packet_id = (uint16_t)(bytes[2] << 8 | bytes[3]);
        return atomic_load(&withheld[packet_id / WORD_BITS]) & bit_of(packet_id);
}

/* The library puts a packet together from pieces. */
static bool pieces_are_withheld(const struct iovec *pieces, int n) {
        uint8_t bytes[PUBACK_SIZE];
        size_t size = 0;

        for (int i = 0; i < n; i++) {
                if (size + pieces[i].iov_len > sizeof(bytes))
                        return puback_is_withheld(bytes, SIZE_MAX);
                if (pieces[i].iov_len > 0)
                        memcpy(bytes + size, pieces[i].iov_base, pieces[i].iov_len);
                size += pieces[i].iov_len;
        }
        return puback_is_withheld(bytes, size);
}

/* Visible to the library, which finds the program's writev() before libc's, whose parameters have
 * other names. NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
__attribute__((__visibility__("default"))) ssize_t writev(int fd,
                                                          const struct iovec *pieces,
                                                          int n) {
        return pieces_are_withheld(pieces, n) ? (ssize_t)PUBACK_SIZE
                                              : syscall(SYS_writev, fd, pieces, n);
}

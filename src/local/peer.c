/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>

#include "local/peer.h"

int peer_of(int fd, Peer *ret) {
        struct ucred credentials = {0};
        socklen_t size = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        *ret = (Peer){credentials.pid, credentials.uid, credentials.gid};
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "settings/settings.h"
#include "util/file.h"

#define TOKENS_MAX 16384U

int settings_reread_tokens(const Settings *settings, char **ret) {
        _cleanup_(file_content_done) FileContent content = {0};
        _cleanup_(freep) char *sentence = NULL;
        Identity identity = settings->identity; /* borrows every string */
        const char *key;
        int r;

        r = file_read(settings->token_file, 0077, TOKENS_MAX, &content);
        if (r == FILE_E_EXPOSED)
                return -EPERM;
        if (r > 0)
                return -EBADMSG;
        if (r < 0)
                return r;
        content.data[strcspn(content.data, "\r\n")] = '\0';
        identity.secret = content.data;
        r = identity_check(&identity, &key, &sentence);
        if (r < 0)
                return r == -EINVAL ? -EBADMSG : r;
        *ret = strdup(content.data);
        return *ret ? 0 : -ENOMEM;
}

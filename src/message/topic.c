/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "message/message.h"
#include "message/topic.h"
#include "util/utf8.h"

/* What names and filters must both keep to. */
static const char *topic_text_problem(const char *text, const TopicLimits *limits) {
        size_t size = strlen(text), n_slashes = 0;

        if (size == 0)
                return "is empty";
        if (size > MESSAGE_TOPIC_MAX)
                return "is longer than the 65535 bytes of MQTT";
        if (!utf8_is_valid(text, size))
                return "is not valid UTF-8";
        if (!limits)
                return NULL;

        if (limits->max_bytes > 0 && size > limits->max_bytes)
                return "is longer than the cloud allows";
        for (const char *p = strchr(text, '/'); p; p = strchr(p + 1, '/'))
                n_slashes++;
        if (limits->max_slashes > 0 && n_slashes > limits->max_slashes)
                return "has more slashes than the cloud allows";
        return NULL;
}

const char *topic_name_problem(const char *topic, const TopicLimits *limits) {
        const char *wildcard = strpbrk(topic, "+#");

        if (wildcard)
                return *wildcard == '+' ? "contains the wildcard '+'" : "contains the wildcard '#'";
        return topic_text_problem(topic, limits);
}

const char *topic_filter_problem(const char *filter, const TopicLimits *limits) {
        for (const char *p = strpbrk(filter, "+#"); p; p = strpbrk(p + 1, "+#")) {
                bool alone = (p == filter || p[-1] == '/') && (p[1] == '/' || p[1] == '\0');

                if (*p == '#' && p[1] != '\0')
                        return "has a '#' that is not its last character";
                if (!alone)
                        return *p == '+' ? "has a '+' that does not stand alone between slashes"
                                         : "has a '#' that does not follow a slash";
        }
        return topic_text_problem(filter, limits);
}

bool topic_matches(const char *filter, const char *topic) {
        if (*topic == '$' && (*filter == '+' || *filter == '#'))
                return false;

        for (;;) {
                if (*filter == '#')
                        return true;
                if (*filter == '+') {
                        filter++;
                        topic = strchrnul(topic, '/');
                } else {
                        while (*filter == *topic && *filter != '/' && *filter != '\0') {
                                filter++;
                                topic++;
                        }
                }

                /* Both must be at the end of a level now. */
                if (*topic == '\0')
                        return *filter == '\0' || strcmp(filter, "/#") == 0;
                if (*filter != '/' || *topic != '/')
                        return false;
                filter++;
                topic++;
        }
}

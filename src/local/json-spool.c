/* SPDX-License-Identifier: Apache-2.0 */
#include "local/json-spool.h"

#include <string.h>

#include "local/json-member.h"

int json_decode_receipt(JsonLine *line, Request *request) {
        int64_t receipt = 0;
        int r;

        request->kind = REQUEST_RECEIPT;
        r = member_integer(line->object, "receipt", 1, INT64_MAX, &receipt, request);
        if (r == 0)
                r = member_wait(line->object, request);
        if (r != 0)
                return r;
        if (receipt == 0)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "receipt needs a receipt: the number from an ack");
        if (request->wait == LOCAL_WAIT_SENT)
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "a receipt is of a stored message; wait must be \"stored\" "
                                      "or \"delivered\"");
        if (request->wait == LOCAL_WAIT_DEFAULT)
                request->wait = LOCAL_WAIT_STORED;
        request->receipt = (uint64_t)receipt;
        return 0;
}

static int decode_list(JsonLine *line, Request *request) {
        int64_t after = 0, limit = LOCAL_SPOOL_PAGE;
        int r;

        request->spool.action = LOCAL_SPOOL_LIST;
        r = member_integer(line->object, "after", 0, INT64_MAX, &after, request);
        if (r == 0)
                r = member_integer(line->object, "limit", 1, LOCAL_SPOOL_PAGE_MAX, &limit, request);
        request->spool.after = (uint64_t)after;
        request->spool.limit = (uint32_t)limit;
        return r;
}

/* All must be said ("#"), so that a forgotten filter drops nothing. */
static int decode_drop(JsonLine *line, Request *request) {
        int64_t receipt = 0;
        int r;

        request->spool.action = LOCAL_SPOOL_DROP;
        r = member_integer(line->object, "receipt", 1, INT64_MAX, &receipt, request);
        if (r != 0)
                return r;
        if ((receipt > 0) == (request->filter != NULL))
                return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                                      "drop needs either a filter (\"#\" for all) or a receipt");
        request->spool.receipt = (uint64_t)receipt;
        return 0;
}

int json_decode_spool(JsonLine *line, Request *request) {
        const char *action = NULL;
        int r;

        request->kind = REQUEST_SPOOL;
        r = member_string(line->object, "action", LOCAL_ERROR_BAD_REQUEST, &action, request);
        if (r == 0)
                r = member_filter(line->object, request);
        if (r != 0)
                return r;
        request->spool.filter = request->filter;
        if (action && strcmp(action, "list") == 0)
                return decode_list(line, request);
        if (action && strcmp(action, "drop") == 0)
                return decode_drop(line, request);
        return request_refuse(request, LOCAL_ERROR_BAD_REQUEST,
                              "spool needs an action, \"list\" or \"drop\"");
}

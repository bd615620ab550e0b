/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/service.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "helper/explain.h"
#include "helper/form.h"
#include "helper/https.h"
#include "util/file.h"

#define CODE_OK 200

static const Explanation not_json = {
                RESULT_TEMPORARY, "the answer is not what the authentication service sends",
                "Check cloud.auth_url; a captive portal or proxy may be in the way"};
static const Explanation incomplete = {
                RESULT_TEMPORARY, "the service said yes, but its answer lacks what was asked for",
                "If it repeats, report it to the cloud's support"};
static const Explanation nowhere = {RESULT_REFUSED, "nothing says where it is",
                                    "Set cloud.region or cloud.auth_url"};

/* How messages call the service: by its host, or as configured. The caller frees @ret. */
static int service_name(const Request *request, char **ret) {
        const char *url = request->auth_url;
        int r;

        if (url)
                r = asprintf(ret, "%.*s", (int)strcspn(url + strlen("https://"), "/"),
                             url + strlen("https://"));
        else if (request->region)
                r = asprintf(ret, "iot-auth.%s.aliyuncs.com", request->region);
        else
                r = asprintf(ret, "authentication service");
        return r < 0 ? -ENOMEM : 0;
}

static int service_url(const Request *request, const char *name, const char *path, char **ret) {
        const char *base = request->auth_url;
        size_t size = base ? strlen(base) : 0;

        while (size > 0 && base[size - 1] == '/')
                size--;
        if (base ? asprintf(ret, "%.*s%s", (int)size, base, path) < 0
                 : asprintf(ret, "https://%s%s", name, path) < 0)
                return -ENOMEM;
        return 0;
}

/* Says in @answer why @reply is not a success. */
static int explain_reply(const Request *request,
                         const char *who,
                         const char *sign,
                         JsonReply *reply,
                         int code,
                         Answer *answer) {
        const char *const secrets[] = {request->secret, sign};
        char quote[EXPLAIN_QUOTE_MAX], evidence[32];

        explain_quote(json_reply_string(reply, "message"), secrets, ARRAY_SIZE(secrets), quote);
        (void)snprintf(evidence, sizeof(evidence), "code %d", code);
        return explain_answer(answer, explain_service(code), who, code, evidence, quote);
}

static int judge(const Request *request,
                 const char *who,
                 const char *sign,
                 const HttpsReply *http,
                 Answer *answer,
                 JsonReply **ret) {
        _cleanup_(json_reply_freep) JsonReply *reply = NULL;
        char evidence[32];
        uint64_t code = 0;
        int r;

        r = json_reply_parse(http->body, http->size, &reply);
        if (r < 0)
                return r;
        if (r == 0 && json_reply_number(reply, "code", INT_MAX, &code) < 0)
                code = 0;

        /* The service's own code says more than the status, which is not documented for errors. */
        if (code != 0 && code != CODE_OK)
                return explain_reply(request, who, sign, reply, (int)code, answer);
        if (http->status < 200 || http->status >= 300) {
                (void)snprintf(evidence, sizeof(evidence), "HTTP status %d", http->status);
                return explain_answer(answer, explain_http_status(http->status), who, 0, evidence,
                                      NULL);
        }
        if (code == 0)
                return explain_answer(answer, &not_json, who, 0, NULL, NULL);
        *ret = TAKE_PTR(reply);
        return 1;
}

static const char *find_sign(const SignParam *params, size_t n_params) {
        for (size_t i = 0; i < n_params; i++)
                if (strcmp(params[i].name, "sign") == 0)
                        return params[i].value;
        return NULL;
}

int service_call(const Request *request,
                 const char *path,
                 const SignParam *params,
                 size_t n_params,
                 Answer *answer,
                 JsonReply **ret) {
        _cleanup_(freep) char *name = NULL, *url = NULL;
        _cleanup_(secret_freep) char *form = NULL;
        _cleanup_(https_reply_done) HttpsReply http = {0};
        int r;

        r = service_name(request, &name);
        if (r < 0)
                return r;
        if (!request->auth_url && !request->region)
                return explain_answer(answer, &nowhere, name, 0, NULL, NULL);
        r = service_url(request, name, path, &url);
        if (r < 0)
                return r;
        r = form_encode(params, n_params, &form);
        if (r < 0)
                return r;

        r = https_post(url, request->root_file, form, &http);
        if (r > 0)
                return explain_answer(answer, explain_https(r), name, 0, NULL, NULL);
        if (r < 0)
                return r;
        return judge(request, name, find_sign(params, n_params), &http, answer, ret);
}

int service_answer_incomplete(const Request *request, Answer *answer) {
        _cleanup_(freep) char *name = NULL;
        int r;

        r = service_name(request, &name);
        if (r < 0)
                return r;
        return explain_answer(answer, &incomplete, name, 0, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/https.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* OpenSSL's X509_V_ERR_* as CURLINFO_SSL_VERIFYRESULT reports them; part of its stable API. 1 is
 * what curl begins with, and leaves there when the chain is good and the name is not. */
#define VERIFY_OK            0
#define VERIFY_UNSET         1
#define VERIFY_NOT_YET_VALID 9
#define VERIFY_EXPIRED       10

static void curl_freep(CURL **curl) {
        curl_easy_cleanup(*curl);
}

static void list_freep(struct curl_slist **list) {
        curl_slist_free_all(*list);
}

void https_reply_done(HttpsReply *reply) {
        if (reply->body)
                explicit_bzero(reply->body, HTTPS_BODY_MAX + 1);
        free(reply->body);
        *reply = (HttpsReply){0};
}

/* The body's memory is all there from the start: growing it would leave copies behind. */
static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        HttpsReply *reply = userdata;

        if (size * n > HTTPS_BODY_MAX - reply->size)
                return 0; /* any other number than size * n ends the transfer */
        memcpy(reply->body + reply->size, data, size * n);
        reply->size += size * n;
        return size * n;
}

static int error_from_verify(CURL *curl) {
        long verify = 0;

        (void)curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verify);
        switch (verify) {
        case VERIFY_OK:
        case VERIFY_UNSET:
                return HTTPS_E_WRONG_HOST;
        case VERIFY_EXPIRED:
                return HTTPS_E_EXPIRED;
        case VERIFY_NOT_YET_VALID:
                return HTTPS_E_NOT_YET_VALID;
        default:
                return HTTPS_E_UNTRUSTED;
        }
}

static int error_from_curl(CURL *curl, CURLcode code) {
        static const struct {
                CURLcode code;
                int error;
        } table[] = {
                        {CURLE_OK, 0},
                        {CURLE_OUT_OF_MEMORY, -ENOMEM},
                        {CURLE_URL_MALFORMAT, HTTPS_E_URL},
                        {CURLE_UNSUPPORTED_PROTOCOL,
                         HTTPS_E_NOT_HTTP}, /* the URL has been checked */
                        {CURLE_WEIRD_SERVER_REPLY, HTTPS_E_NOT_HTTP},
                        {CURLE_COULDNT_RESOLVE_HOST, HTTPS_E_DNS},
                        {CURLE_COULDNT_CONNECT, HTTPS_E_CONNECT},
                        {CURLE_OPERATION_TIMEDOUT, HTTPS_E_TIMEOUT},
                        {CURLE_COULDNT_RESOLVE_PROXY, HTTPS_E_PROXY},
                        {CURLE_PROXY, HTTPS_E_PROXY},
                        {CURLE_SSL_CACERT_BADFILE, HTTPS_E_ROOT_FILE},
                        {CURLE_SSL_CONNECT_ERROR, HTTPS_E_TLS},
                        {CURLE_SSL_CIPHER, HTTPS_E_TLS},
                        {CURLE_FILESIZE_EXCEEDED, HTTPS_E_TOO_LARGE},
                        {CURLE_WRITE_ERROR, HTTPS_E_TOO_LARGE},
                        {CURLE_GOT_NOTHING, HTTPS_E_CUT},
                        {CURLE_PARTIAL_FILE, HTTPS_E_CUT},
                        {CURLE_RECV_ERROR, HTTPS_E_CUT},
                        {CURLE_SEND_ERROR, HTTPS_E_CUT},
        };
        long tunnel = 0;

        if (code == CURLE_PEER_FAILED_VERIFICATION)
                return error_from_verify(curl);
        /* A proxy that refuses to connect us makes for a broken connection, as curl sees it. */
        (void)curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &tunnel);
        if (code != CURLE_OK && tunnel >= 300)
                return HTTPS_E_PROXY;
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (table[i].code == code)
                        return table[i].error;
        return HTTPS_E_OTHER;
}

static bool set_common(CURL *curl, const char *url, const char *root_file) {
        bool ok = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
                                  CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTPS_CONNECT_SEC) ==
                                  CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)HTTPS_TOTAL_SEC) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;

        if (!ok || !root_file)
                return ok;
        /* This file and nothing besides. */
        return curl_easy_setopt(curl, CURLOPT_CAINFO, root_file) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

static bool set_post(CURL *curl, const char *form, struct curl_slist *headers, HttpsReply *reply) {
        return curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
                               CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_MAXFILESIZE, (long)HTTPS_BODY_MAX) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply) == CURLE_OK;
}

static int post(const char *url, const char *root_file, const char *form, HttpsReply *ret) {
        _cleanup_(https_reply_done) HttpsReply reply = {0};
        _cleanup_(list_freep) struct curl_slist *headers = NULL;
        _cleanup_(curl_freep) CURL *curl = curl_easy_init();
        long status = 0;
        int r;

        reply.body = calloc(1, HTTPS_BODY_MAX + 1);
        headers = curl_slist_append(NULL, "Accept: application/json");
        if (!curl || !reply.body || !headers)
                return -ENOMEM;
        if (!set_common(curl, url, root_file) || !set_post(curl, form, headers, &reply))
                return -ENOMEM;

        r = error_from_curl(curl, curl_easy_perform(curl));
        if (r != 0)
                return r;
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        reply.status = (int)status;

        *ret = reply;
        reply = (HttpsReply){0};
        return 0;
}

int https_post(const char *url, const char *root_file, const char *form, HttpsReply *ret) {
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        r = post(url, root_file, form, ret);
        curl_global_cleanup();
        return r;
}

static int probe(const char *url, const char *root_file) {
        _cleanup_(curl_freep) CURL *curl = curl_easy_init();

        if (!curl || !set_common(curl, url, root_file) ||
            curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK ||
            curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L) != CURLE_OK ||
            curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L) != CURLE_OK)
                return -ENOMEM;
        return error_from_curl(curl, curl_easy_perform(curl));
}

int https_probe(const char *host, uint16_t port, const char *root_file) {
        _cleanup_(freep) char *url = NULL;
        bool v6 = strchr(host, ':');
        int r;

        if (asprintf(&url, "https://%s%s%s:%u/", v6 ? "[" : "", host, v6 ? "]" : "", port) < 0) {
                url = NULL; /* undefined then */
                return -ENOMEM;
        }
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        r = probe(url, root_file);
        curl_global_cleanup();
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/explain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "helper/https.h"

typedef struct Row {
        int code;
        Explanation explanation;
} Row;

static const Row services[] = {
                {401,
                 {RESULT_REFUSED, "the signature is wrong",
                  "Compare identity.product_key, identity.device_name and the device secret with "
                  "the console"}},
                {429,
                 {RESULT_TEMPORARY, "too many requests from this device or account",
                  "This passes; see that nothing else uses the same identity"}},
                {460,
                 {RESULT_REFUSED, "a parameter is missing or malformed",
                  "Check identity.product_key, identity.device_name, identity.client_id and "
                  "cloud.sign_method"}},
                {500,
                 {RESULT_TEMPORARY, "the service has an internal error",
                  "This passes; if it stays, look at the cloud's status page"}},
                {5001,
                 {RESULT_REFUSED, "the service knows no such device",
                  "Check identity.product_key, identity.device_name and cloud.region, and that the "
                  "device has been created"}},
                {6100,
                 {RESULT_REFUSED, "the device does not exist",
                  "Create it in the console under this product, or correct identity.device_name"}},
                {6200,
                 {RESULT_REFUSED, "the product does not use this way to authenticate",
                  "Set cloud.auth to what the console shows for the product"}},
                {6250,
                 {RESULT_REFUSED, "the product does not exist",
                  "Check identity.product_key and cloud.region"}},
                {6288,
                 {RESULT_REFUSED, "dynamic registration is switched off for this product",
                  "Switch it on in the console, on the product's page"}},
                {6289,
                 {RESULT_REFUSED, "the device is already activated, so no new secret is given out",
                  "Use the secret it has (cloud.auth = \"device\"), or reset the device in the "
                  "console"}},
                {6292,
                 {RESULT_REFUSED, "the service does not know this method of signing",
                  "Set cloud.sign_method to \"hmacsha256\", \"hmacsha1\" or \"hmacmd5\""}},
                {6600,
                 {RESULT_REFUSED, "the signature is wrong",
                  "Compare the product secret and identity.product_key with the console"}},
};
static const Explanation service_other = {RESULT_REFUSED,
                                          "the service refused with a code that is not documented",
                                          "Look the code up in the cloud's documentation"};

static const Row connacks[] = {
                {1,
                 {RESULT_REFUSED, "the server does not speak MQTT 3.1.1",
                  "Check cloud.endpoint and the port"}},
                {2,
                 {RESULT_REFUSED, "a parameter of the registration is not accepted",
                  "Check identity.client_id, cloud.instance_id and cloud.sign_method, and that the "
                  "port is one for TLS"}},
                {3,
                 {RESULT_TEMPORARY, "the registration service is unavailable",
                  "This passes; if it stays, look at the cloud's status page"}},
                {4,
                 {RESULT_REFUSED,
                  "the registration is refused: product, device or signature is wrong",
                  "Compare identity.product_key, identity.device_name and the product secret with "
                  "the console, and see that dynamic registration is switched on and the device is "
                  "not activated yet"}},
                {5,
                 {RESULT_REFUSED, "the registration is not authorized",
                  "See in the console that dynamic registration is switched on for the product and "
                  "that the device exists and is not activated yet"}},
};
static const Explanation connack_other = {
                RESULT_REFUSED, "the server refused with a code that MQTT 3.1.1 does not define",
                "Check that cloud.endpoint is an MQTT 3.1.1 broker"};

static const Row statuses[] = {
                {401, {RESULT_REFUSED, "the web server wants a login", "Check cloud.auth_url"}},
                {403,
                 {RESULT_REFUSED, "the web server forbids access",
                  "Check cloud.auth_url and what a firewall or proxy permits"}},
                {404,
                 {RESULT_REFUSED, "there is no authentication service at this URL",
                  "Check cloud.region and cloud.auth_url"}},
                {408, {RESULT_TEMPORARY, "the web server gave up waiting", "This passes"}},
                {429,
                 {RESULT_TEMPORARY, "too many requests",
                  "This passes; see that nothing else uses the same identity"}},
};
static const Explanation status_redirect = {
                RESULT_REFUSED, "the web server redirects elsewhere, which is not followed",
                "Check cloud.auth_url"};
static const Explanation status_server = {RESULT_TEMPORARY, "the web server has an error",
                                          "This passes; if it stays, look at the cloud's status "
                                          "page"};
static const Explanation status_other = {RESULT_REFUSED, "the web server refused the request",
                                         "Check cloud.auth_url"};

static const Explanation transfers[_HTTPS_E_MAX] = {
                [HTTPS_E_URL] = {RESULT_REFUSED, "this is no URL with https://",
                                 "Correct cloud.auth_url"},
                [HTTPS_E_DNS] = {RESULT_TEMPORARY, "the host name could not be resolved",
                                 "Check cloud.region, cloud.endpoint and cloud.auth_url for a "
                                 "typing error, then the network and /etc/resolv.conf"},
                [HTTPS_E_CONNECT] = {RESULT_TEMPORARY, "no TCP connection could be made",
                                     "Check the port, the network, firewalls, and "
                                     "https_proxy where it is set"},
                [HTTPS_E_TIMEOUT] = {RESULT_TEMPORARY, "the answer did not come in time",
                                     "Check the network; a firewall may swallow packets"},
                [HTTPS_E_PROXY] = {RESULT_TEMPORARY, "the proxy refused or does not answer",
                                   "Check https_proxy and no_proxy in the service's environment"},
                [HTTPS_E_ROOT_FILE] =
                                {RESULT_REFUSED, "the file of root certificates is unusable",
                                 "Check that what cloud.auth_root names (over MQTT: cloud.tls.roots) "
                                 "exists, may be read and is PEM"},
                [HTTPS_E_UNTRUSTED] =
                                {RESULT_REFUSED,
                                 "the server's certificate comes from a root that is not trusted here",
                                 "Check cloud.auth_root (over MQTT: cloud.tls.roots); if it is "
                                 "right, someone may be intercepting the connection"},
                [HTTPS_E_EXPIRED] = {RESULT_REFUSED, "the server's certificate has expired",
                                     "Check this machine's clock first; if it is right, the "
                                     "server's owner must renew the certificate"},
                [HTTPS_E_NOT_YET_VALID] = {RESULT_TEMPORARY,
                                           "the server's certificate is not valid yet",
                                           "This machine's clock is behind: set it, or let NTP "
                                           "do it"},
                [HTTPS_E_WRONG_HOST] = {RESULT_REFUSED,
                                        "the server's certificate is for another host name",
                                        "Use the host name from the console, not an address or "
                                        "alias"},
                [HTTPS_E_TLS] = {RESULT_TEMPORARY, "the TLS handshake failed",
                                 "Check that the port speaks TLS 1.2 or later"},
                [HTTPS_E_NOT_HTTP] = {RESULT_TEMPORARY,
                                      "the server answers with something else than "
                                      "HTTP",
                                      "Check cloud.auth_url"},
                [HTTPS_E_TOO_LARGE] =
                                {RESULT_TEMPORARY, "the answer is too large to be one",
                                 "Check that cloud.auth_url is that of the authentication service"},
                [HTTPS_E_CUT] = {RESULT_TEMPORARY, "the connection ended before the answer did",
                                 "Nothing to do unless it repeats"},
                [HTTPS_E_OTHER] = {RESULT_TEMPORARY, "the request failed",
                                   "Check the network and cloud.auth_url"},
};

static const Explanation *find(const Row *rows,
                               size_t n_rows,
                               int code,
                               const Explanation *otherwise) {
        for (size_t i = 0; i < n_rows; i++)
                if (rows[i].code == code)
                        return &rows[i].explanation;
        return otherwise;
}

const Explanation *explain_service(int code) {
        return find(services, ARRAY_SIZE(services), code, &service_other);
}

const Explanation *explain_connack(int code) {
        return find(connacks, ARRAY_SIZE(connacks), code, &connack_other);
}

const Explanation *explain_http_status(int status) {
        const Explanation *otherwise = &status_other;

        if (status >= 300 && status < 400)
                otherwise = &status_redirect;
        else if (status >= 500)
                otherwise = &status_server;
        return find(statuses, ARRAY_SIZE(statuses), status, otherwise);
}

const Explanation *explain_https(int error) {
        return &transfers[error > 0 && error < _HTTPS_E_MAX ? error : HTTPS_E_OTHER];
}

void explain_quote(const char *text,
                   const char *const *secrets,
                   size_t n_secrets,
                   char ret[EXPLAIN_QUOTE_MAX]) {
        size_t size;

        ret[0] = '\0';
        if (!text)
                return;
        for (size_t i = 0; i < n_secrets; i++)
                if (secrets[i] && strcasestr(text, secrets[i]))
                        return;

        size = strlen(text);
        if (size >= EXPLAIN_QUOTE_MAX) {
                size = EXPLAIN_QUOTE_MAX - 1;
                while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
                        size--; /* not in the middle of a character */
        }
        memcpy(ret, text, size);
        ret[size] = '\0';
}

int explain_answer(Answer *answer,
                   const Explanation *explanation,
                   const char *who,
                   int code,
                   const char *evidence,
                   const char *quote) {
        bool quoted = quote && *quote;

        return answer_fail(answer, explanation->result, code, "%s: %s%s%s%s%s%s%s. %s.", who,
                           explanation->what, evidence || quoted ? " (" : "",
                           evidence ? evidence : "", evidence && quoted ? ", " : "",
                           quoted ? "the server says: " : "", quoted ? quote : "",
                           evidence || quoted ? ")" : "", explanation->advice);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three kinds of modes. Signed here: every attempt signs afresh. Granted (https, command): the
 * command's answer is used until shortly before it ends, by a clock that also counts while the
 * machine sleeps and that nobody can set; a refusal by the cloud ends it at once. Registered: the
 * command is run until it has given a secret, which is stored before it is used, and then the
 * device signs with that for ever.
 */
#include "daemon/authenticator.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/command-request.h"
#include "daemon/command.h"
#include "daemon/grant.h"
#include "daemon/mq-token.h"
#include "daemon/registration.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

/* A renewal that failed is tried again this much later. */
#define RENEW_AGAIN_USEC (600 * USEC_PER_SEC)

/* How long the command may take. */
#define COMMAND_USEC (60 * USEC_PER_SEC)

struct Authenticator {
        sd_event *event;
        const Settings *settings;
        Link *link;

        RunningCommand *command;
        sd_event_source *done; /* frees the command after its last call */
        bool is_running;
        size_t n_denied; /* so often there were no credentials; the next root gets its turn */

        sd_event_source *renewal; /* the timer for the next set of credentials */
        sd_event_source *hitch;   /* tells the link why there are none, once it waits for them */
        int hitch_error;

        Grant grant; /* result GRANT_OK while there is one */
        uint64_t grant_ends_usec;

        char *registration_path; /* for the modes that register */
        Registration registration;
};

static bool registers(const Authenticator *a) {
        return a->settings->identity.mode == AUTH_REGISTER ||
               a->settings->identity.mode == AUTH_REGISTER_FREE;
}

static bool is_registered(const Authenticator *a) {
        return a->settings->identity.mode == AUTH_REGISTER ? a->registration.device_secret != NULL
                                                           : a->registration.device_token != NULL;
}

/* Counts while the machine sleeps; no setting of the clock moves it. */
static uint64_t boot_usec(void) {
        struct timespec ts;

        if (clock_gettime(CLOCK_BOOTTIME, &ts) < 0)
                return clock_now_usec();
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

/* A device token that is there once is not given twice: without its file there is no way on. */
static int load_registration(Authenticator *a) {
        const Identity *identity = &a->settings->identity;
        int r;

        r = registration_path(a->settings->state_dir, identity->product_key, identity->device_name,
                              &a->registration_path);
        if (r < 0)
                return r;
        r = registration_load(a->registration_path, &a->registration);
        if (r == -ENOENT)
                return 0;
        if (r == -EPERM)
                log_error("Others than its owner can read '%s', which holds this device's secret. "
                          "Run: chmod 600 '%s'",
                          a->registration_path, a->registration_path);
        else if (r == -EBADMSG)
                log_error("'%s' does not hold what a registration gives. Restore it, or remove it "
                          "and reset the device in the console to register anew",
                          a->registration_path);
        else if (r < 0)
                (void)log_error_errno(r, "Cannot read '%s'", a->registration_path);
        return r;
}

int authenticator_new(Authenticator **ret, sd_event *event, const Settings *settings) {
        _cleanup_(authenticator_freep) Authenticator *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return log_error_errno(-ENOMEM, "Cannot set authentication up");
        a->event = sd_event_ref(event);
        a->settings = settings;
        if (registers(a)) {
                r = load_registration(a);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(a);
        return 0;
}

Authenticator *authenticator_free(Authenticator *authenticator) {
        if (!authenticator)
                return NULL;
        sd_event_source_disable_unref(authenticator->done);
        sd_event_source_disable_unref(authenticator->renewal);
        sd_event_source_disable_unref(authenticator->hitch);
        command_free(authenticator->command);
        grant_done(&authenticator->grant);
        registration_done(&authenticator->registration);
        free(authenticator->registration_path);
        sd_event_unref(authenticator->event);
        free(authenticator);
        return NULL;
}

void authenticator_set_settings(Authenticator *authenticator, const Settings *settings) {
        authenticator->settings = settings;
}

void authenticator_set_link(Authenticator *authenticator, Link *link) {
        authenticator->link = link;
}

/* What its answer becomes */

/* The signing identity with what was registered in place of what is configured. */
static int sign_registered(const Authenticator *a, Credentials *ret) {
        Identity identity = a->settings->identity; /* borrows every string */

        if (identity.mode == AUTH_REGISTER_FREE) {
                identity.client_id = a->registration.client_id;
                identity.secret = a->registration.device_token;
        } else
                identity.secret = a->registration.device_secret;
        return credentials_make(&identity, clock_wall_msec(), ret);
}

static int copy(char **place, const char *value) {
        if (!value)
                return 0;
        *place = strdup(value);
        return *place ? 0 : -ENOMEM;
}

static int use_grant(const Authenticator *a, Credentials *ret) {
        const Identity *identity = &a->settings->identity;
        _cleanup_(credentials_done) Credentials c = {.tls = identity->tls};
        const Grant *grant = &a->grant;
        int r;

        r = grant->host ? copy(&c.host, grant->host) : credentials_host(identity, &c.host);
        if (r == 0)
                r = copy(&c.username, grant->username);
        if (r == 0)
                r = copy(&c.password, grant->password);
        if (r == 0)
                r = grant->client_id ? copy(&c.client_id, grant->client_id)
                                     : identity_client_id(identity, &c.client_id);
        if (r < 0)
                return r;
        c.port = grant->port != 0 ? grant->port : identity->port;
        c.port_fixed = c.port != 0;
        if (c.port == 0)
                c.port = 1883;
        *ret = c;
        c = (Credentials){0};
        return 0;
}

/* mq-token: the tokens of a command, or what their file holds now. */
static int use_tokens(const Authenticator *a, Credentials *ret) {
        Identity identity = a->settings->identity; /* borrows every string */
        _cleanup_(secret_freep) char *tokens = NULL;
        int r;

        if (a->grant.password)
                identity.secret = a->grant.password;
        else if (a->settings->token_file) {
                r = settings_reread_tokens(a->settings, &tokens);
                if (r < 0)
                        return r;
                identity.secret = tokens;
        }
        return credentials_make(&identity, clock_wall_msec(), ret);
}

static int make(const Authenticator *a, Credentials *ret) {
        if (registers(a))
                return sign_registered(a, ret);
        if (a->settings->identity.mode == AUTH_MQ_TOKEN)
                return use_tokens(a, ret);
        return use_grant(a, ret);
}

static bool grant_is_good(const Authenticator *a) {
        return a->grant.result == GRANT_OK && boot_usec() < a->grant_ends_usec;
}

static void keep_grant(Authenticator *a, Grant *take) {
        /* A seventh early, as six days are of seven: there is time for more than one try. */
        uint64_t use_sec = take->expires_in_sec - take->expires_in_sec / 7;

        a->grant_ends_usec = take->expires_in_sec > 0 ? boot_usec() + use_sec * USEC_PER_SEC
                                                      : USEC_INFINITY;
        grant_done(&a->grant);
        a->grant = *take;
        *take = (Grant){0};
}

/* Returns 0 once it is on the disk. */
static int keep_registration(Authenticator *a, Grant *grant) {
        /* What another mode has registered stays: nobody gives it twice. */
        Registration registration = a->registration; /* borrows every string */
        int r;

        if (a->settings->identity.mode == AUTH_REGISTER)
                registration.device_secret = grant->device_secret;
        else {
                registration.client_id = grant->client_id;
                registration.device_token = grant->device_token;
        }
        r = registration_store(a->registration_path, &registration);
        if (r < 0)
                return log_error_errno(r, "Cannot store what the registration gave in '%s'",
                                       a->registration_path);
        log_info("Registered; the device's secret is stored in '%s'", a->registration_path);
        if (a->settings->identity.mode == AUTH_REGISTER) {
                (void)secret_free(a->registration.device_secret);
                a->registration.device_secret = TAKE_PTR(grant->device_secret);
        } else {
                (void)secret_free(a->registration.client_id);
                (void)secret_free(a->registration.device_token);
                a->registration.client_id = TAKE_PTR(grant->client_id);
                a->registration.device_token = TAKE_PTR(grant->device_token);
        }
        return 0;
}

static bool is_complete(const Authenticator *a, const Grant *grant) {
        switch (a->settings->identity.mode) {
        case AUTH_REGISTER:
                return grant->device_secret;
        case AUTH_REGISTER_FREE:
                return grant->client_id && grant->device_token;
        case AUTH_HTTPS:
                return grant->username && grant->password;
        case AUTH_MQ_TOKEN:
                return grant->password;
        case AUTH_DEVICE:
        case AUTH_MQ_SIGNATURE:
        case AUTH_MQ_DEVICE:
        case AUTH_PLAIN:
        case AUTH_COMMAND:
        case _AUTH_MODE_MAX:
        case _AUTH_MODE_INVALID:
        default:
                return true;
        }
}

static void renew_at(Authenticator *a, uint64_t boot_usec_then);

static const char *error_words(int error) {
        const char *words = strerrordesc_np(-error);

        return words ? words : "unknown error";
}

static const char *token_file_words(int error) {
        switch (error) {
        case -EPERM:
                return "others than its owner can read it. Run: chmod 600 on it";
        case -EBADMSG:
                return "it does not hold tokens as in \"RW|TOKEN\"";
        default:
                return error_words(error);
        }
}

_printf_(3, 4) static void deny(Authenticator *a, Reason reason, const char *format, ...) {
        char detail[REASON_DETAIL_MAX];
        va_list ap;

        va_start(ap, format);
        if (vsnprintf(detail, sizeof(detail), format, ap) < 0)
                detail[0] = '\0';
        va_end(ap);
        a->n_denied++;
        if (link_awaits(a->link)) {
                link_deny(a->link, reason, detail, clock_now_usec());
                return;
        }
        log_warning("No new credentials while the old ones end: %s. The connection goes on with the "
                    "old ones; trying again in 10 minutes",
                    detail);
        renew_at(a, boot_usec() + RENEW_AGAIN_USEC);
}

/* The link can be told no only when it waits, so that what fails at once is said a turn later. */
static int on_hitch(sd_event_source *source, void *userdata) {
        Authenticator *a = userdata;
        const Settings *settings = a->settings;

        (void)source;
        a->hitch = sd_event_source_disable_unref(a->hitch);
        if (settings->token_file && !settings->identity.has_command)
                deny(a, REASON_AUTH_UNREACHABLE, "%s: %s", settings->token_file,
                     token_file_words(a->hitch_error));
        else
                deny(a, REASON_AUTH_UNREACHABLE, "cannot run %s: %s", settings->command,
                     error_words(a->hitch_error));
        return 0;
}

/* Returns 0: the link will hear of @error; or -errno when not even that is possible. */
static int hitch(Authenticator *a, int error) {
        int r;

        if (error == -ENOMEM)
                return error;
        a->hitch = sd_event_source_disable_unref(a->hitch);
        a->hitch_error = error;
        r = sd_event_add_defer(a->event, &a->hitch, on_hitch, a);
        return r < 0 ? r : 0;
}

/* Renewal, while the connection goes on */

static int on_renewal(sd_event_source *source, uint64_t usec, void *userdata);

static void renew_at(Authenticator *a, uint64_t boot_usec_then) {
        int r;

        a->renewal = sd_event_source_disable_unref(a->renewal);
        r = sd_event_add_time(a->event, &a->renewal, CLOCK_BOOTTIME, boot_usec_then, USEC_PER_SEC,
                              on_renewal, a);
        if (r < 0)
                (void)log_error_errno(
                                r,
                                "Cannot set the timer for new credentials; the next connect gets them");
}

static void upload_tokens(const Authenticator *a, const char *tokens) {
        int n = mq_token_upload(a->link, tokens);

        if (n >= 0)
                log_info("Uploaded %d new token%s", n, n == 1 ? "" : "s");
        else if (n != -ENOTCONN)
                (void)log_error_errno(n, "Cannot upload the new tokens");
}

static int ask_command(Authenticator *a, const char *reason);

static int on_renewal(sd_event_source *source, uint64_t usec, void *userdata) {
        Authenticator *a = userdata;

        (void)source;
        (void)usec;
        if (!a->is_running && ask_command(a, "expired") < 0)
                renew_at(a, boot_usec() + RENEW_AGAIN_USEC);
        return 0;
}

/* An attempt that waits gets the answer; without one, the next attempt uses what is kept. */
static void take_grant(Authenticator *a, Grant *grant) {
        Credentials credentials = {0};
        int r = 0;

        if (!is_complete(a, grant)) {
                deny(a, REASON_AUTH_UNREACHABLE, "the credential command's answer is incomplete");
                return;
        }
        if (registers(a))
                r = keep_registration(a, grant);
        else
                keep_grant(a, grant);
        if (r < 0) {
                deny(a, REASON_AUTH_UNREACHABLE, "what it gave cannot be stored");
                return;
        }
        if (a->grant_ends_usec != USEC_INFINITY && !registers(a))
                renew_at(a, a->grant_ends_usec);
        if (!link_awaits(a->link)) {
                if (a->settings->identity.mode == AUTH_MQ_TOKEN)
                        upload_tokens(a, a->grant.password);
                return;
        }
        r = make(a, &credentials);
        if (r == 0)
                link_offer(a->link, &credentials, clock_now_usec());
        else if (r == -ENOENT)
                deny(a, REASON_AUTH_REFUSED,
                     "neither the credential command nor cloud.endpoint says where to connect");
        else
                deny(a, REASON_INTERNAL, "no credentials could be made");
}

static int on_done(sd_event_source *source, void *userdata) {
        Authenticator *a = userdata;

        (void)source;
        a->done = sd_event_source_disable_unref(a->done);
        a->command = command_free(a->command);
        return 0;
}

/* The code goes before the message, unless that has it; the link puts a period behind. */
static void deny_as_said(Authenticator *a, Grant *grant) {
        const char *code = grant->code;
        char *message = grant->message;

        if (message && message[0] && message[strlen(message) - 1] == '.')
                message[strlen(message) - 1] = '\0';
        if (code && message && strstr(message, code))
                code = NULL;
        deny(a, grant->result == GRANT_REFUSED ? REASON_AUTH_REFUSED : REASON_AUTH_UNREACHABLE,
             "%s%s%s%s", code ? "code " : "", code ? code : "", code ? ": " : "",
             message ? message : "no words why");
}

static void on_command_end(const CommandEnd *end, void *userdata) {
        _cleanup_(grant_done) Grant grant = {0};
        Authenticator *a = userdata;

        a->is_running = false;
        /* Without the source, the command is freed before the next one starts. */
        if (sd_event_add_defer(a->event, &a->done, on_done, a) < 0)
                a->done = NULL;
        if (end->problem)
                deny(a, REASON_AUTH_UNREACHABLE, "%s: %s", a->settings->command, end->problem);
        else if (grant_parse(end->output, end->output_size, &grant) < 0)
                deny(a, REASON_AUTH_UNREACHABLE,
                     "%s: its answer is not of the form in docs/CREDENTIAL-COMMAND.md",
                     a->settings->command);
        else if (grant.result == GRANT_OK)
                take_grant(a, &grant);
        else
                deny_as_said(a, &grant);
}

static int ask_command(Authenticator *a, const char *reason) {
        _cleanup_(secret_freep) char *text = NULL;
        int r;

        r = command_request_make(a->settings, reason, a->n_denied, &text);
        if (r < 0)
                return r;
        a->done = sd_event_source_disable_unref(a->done);
        a->command = command_free(a->command);
        r = command_start(&a->command, a->event, a->settings->command, text, COMMAND_USEC,
                          on_command_end, a);
        if (r < 0)
                return hitch(a, r);
        a->is_running = true;
        return 0;
}

static void upload_from_file(const Authenticator *a) {
        _cleanup_(secret_freep) char *tokens = NULL;
        int r;

        r = settings_reread_tokens(a->settings, &tokens);
        if (r < 0)
                log_warning("The server says that the token ends soon, and there is no new one in "
                            "'%s': %s",
                            a->settings->token_file, token_file_words(r));
        else
                upload_tokens(a, tokens);
}

void authenticator_on_notice(Authenticator *authenticator, const Message *message) {
        Authenticator *a = authenticator;

        if (a->settings->identity.mode != AUTH_MQ_TOKEN)
                return;
        switch (mq_token_notice(message)) {
        case MQ_NOTICE_EXPIRES:
                if (a->settings->identity.has_command) {
                        if (!a->is_running && ask_command(a, "expired") < 0)
                                renew_at(a, boot_usec() + RENEW_AGAIN_USEC);
                } else if (a->settings->token_file)
                        upload_from_file(a);
                else
                        log_warning("The server says that the token ends soon, and nothing gives a "
                                    "new one: set identity.token_file or cloud.command");
                break;
        case MQ_NOTICE_INVALID:
                log_warning("The server does not accept the token: %s. It ends the connection; "
                            "get a new token",
                            mq_token_invalid_words(message));
                break;
        case MQ_NOTICE_NONE:
        default:
                break;
        }
}

/* For the link */

static bool was_refused(Reason previous) {
        return previous == REASON_REFUSED_UNAVAILABLE || previous == REASON_REFUSED_CREDENTIALS ||
               previous == REASON_REFUSED_NOT_AUTHORIZED;
}

static int get_granted(Authenticator *a, Reason previous, Credentials *ret) {
        const char *reason = "start";
        int r;

        if (a->is_running)
                return 0; /* a renewal: its answer is for this attempt now */
        if (a->grant.result == GRANT_OK)
                reason = was_refused(previous) ? "refused" : "expired";
        if (was_refused(previous))
                grant_done(&a->grant);
        if (!grant_is_good(a))
                return ask_command(a, reason);
        r = make(a, ret);
        return r < 0 ? r : 1;
}

static int get(void *userdata, Reason previous, Credentials *ret) {
        Authenticator *a = userdata;
        const Identity *identity = &a->settings->identity;
        int r;

        if (registers(a) && !is_registered(a))
                return ask_command(a, "start");
        if (!registers(a) && (auth_mode_needs_command(identity->mode) || identity->has_command))
                return get_granted(a, previous, ret);
        if (registers(a) || identity->mode == AUTH_MQ_TOKEN) {
                r = make(a, ret);
                if (r < 0 && a->settings->token_file)
                        return hitch(a, r);
        } else
                r = credentials_make(identity, clock_wall_msec(), ret);
        return r < 0 ? r : 1;
}

LinkSource authenticator_source(Authenticator *authenticator) {
        const Settings *settings = authenticator->settings;

        return (LinkSource){
                        .get = get,
                        .userdata = authenticator,
                        .renews = settings->identity.mode == AUTH_HTTPS ||
                                  settings->identity.mode == AUTH_COMMAND ||
                                  settings->identity.mode == AUTH_MQ_TOKEN,
                        .connects = settings->identity.mode == AUTH_REGISTER_FREE ||
                                    (settings->identity.mode == AUTH_REGISTER &&
                                     settings->auth_via_mqtt),
        };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/fates.h"

int request_new(Request **ret, RequestKind kind) {
        Request *request = calloc(1, sizeof(*request));

        if (!request)
                return -ENOMEM;
        request->kind = kind;
        *ret = request;
        return 0;
}

Request *request_free(Request *request) {
        if (!request)
                return NULL;
        (void)message_unref(request->record.message);
        page_done(&request->page);
        free(request->incoming);
        topics_done(&request->topics);
        subscriptions_done(&request->subscriptions);
        seq_list_done(&request->dropped);
        client_counts_done(&request->counts);
        client_counts_done(&request->forgetting.done);
        free(request->seqs);
        free(request->client);
        free(request->filter);
        free(request->names);
        free(request->info);
        free(request);
        return NULL;
}

bool request_is_lazy(const Request *request) {
        return request->kind == REQUEST_DELETE || request->kind == REQUEST_GIVE_UP ||
               request->kind == REQUEST_ASSIGN || request->kind == REQUEST_FINISH ||
               request->kind == REQUEST_DISCARD || request->kind == REQUEST_TOUCH;
}

bool request_is_read(const Request *request) {
        return request->kind == REQUEST_READ || request->kind == REQUEST_PEEK ||
               request->kind == REQUEST_ASK || request->kind == REQUEST_READ_TOPICS ||
               request->kind == REQUEST_READ_INCOMING ||
               request->kind == REQUEST_READ_SUBSCRIPTIONS;
}

size_t request_footprint(const Request *request) {
        size_t size = sizeof(*request);

        if (request->record.message)
                size += message_footprint(request->record.message);
        if (request->seqs)
                size += request->n * sizeof(*request->seqs);
        if (request->client)
                size += strlen(request->client);
        if (request->filter)
                size += strlen(request->filter);
        if (request->names)
                size += request->names_size;
        return size;
}

static int delete_all(const Request *q, Database *db) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < q->n; i++)
                r = q->kind == REQUEST_DELETE    ? spool_delete(db, q->seqs[i])
                    : q->kind == REQUEST_GIVE_UP ? spool_give_up(db, q->seqs[i], q->fate)
                                                 : incoming_discard(db, q->seqs[i]);
        return r;
}

static int read_incoming(Request *q, Database *db) {
        int r = incoming_read(db, q->client, q->seq, q->max, &q->page);

        if (r != 0 || q->page.n == 0)
                return r;
        q->incoming = reallocarray(NULL, q->page.n, sizeof(*q->incoming));
        if (!q->incoming) {
                page_done(&q->page);
                return -ENOMEM;
        }
        for (size_t i = 0; i < q->page.n; i++)
                q->incoming[i] = (StoreIncoming){.seq = q->page.records[i].seq,
                                                 .message = q->page.records[i].message};
        return 0;
}

/* What an attempt that was rolled back has left. */
static void forget_results(Request *q) {
        seq_list_done(&q->dropped);
        client_counts_done(&q->counts);
}

static int execute(Request *q, Database *db, const Terms *terms) {
        switch (q->kind) {
        case REQUEST_PUT:
                return spool_put(db, &q->record, &terms->limits, terms->handed_seq, &q->dropped);
        case REQUEST_DELETE:
        case REQUEST_GIVE_UP:
        case REQUEST_DISCARD:
                return delete_all(q, db);
        case REQUEST_READ:
        case REQUEST_PEEK:
                return spool_read(db, q->seq, q->max, q->max_bytes, &q->page);
        case REQUEST_ASK:
                return fates_ask(db, q->seq, &q->fate);
        case REQUEST_READ_TOPICS:
                return topics_read(db, q->max, &q->topics);
        case REQUEST_KEEP:
                return incoming_keep(db, q->record.message, &terms->limits, &q->seq, &q->counts);
        case REQUEST_ASSIGN:
                return incoming_assign(db, q->seq, q->names, q->n);
        case REQUEST_FINISH:
                return incoming_finish(db, q->seq, q->client);
        case REQUEST_READ_INCOMING:
                return read_incoming(q, db);
        case REQUEST_SUBSCRIBE:
                return subscriptions_put(db, q->client, q->filter, q->qos);
        case REQUEST_UNSUBSCRIBE:
                return subscriptions_delete(db, q->client, q->filter);
        case REQUEST_READ_SUBSCRIPTIONS:
                return subscriptions_read(db, &q->subscriptions);
        case REQUEST_TOUCH:
                return clients_touch(db, q->client);
        case REQUEST_FORGET:
                return clients_forget_step(db, &q->forgetting);
        case REQUEST_REPLACED:
        case REQUEST_UNREADABLE:
        case REQUEST_INBOX_DROPPED:
                break;
        }
        assert(false);
        return -EINVAL;
}

int request_execute(Request *request, Database *db, const Terms *terms) {
        forget_results(request);
        request->r = execute(request, db, terms);
        return request->r;
}

static void answer_forget(const Request *q) {
        const Forgetting *f = &q->forgetting;
        size_t n = q->r == 0 ? f->done.n : f->n_sure;

        for (size_t i = 0; i < n; i++)
                q->func.forgotten(0, f->done.items[i].client, f->done.items[i].n, q->userdata);
        q->func.forgotten(q->r, NULL, 0, q->userdata);
}

void request_answer(Request *request) {
        switch (request->kind) {
        case REQUEST_READ:
        case REQUEST_PEEK:
                request->func.read(request->r, request->page.records, request->page.n,
                                   request->userdata);
                request->page.n = 0; /* the messages are theirs now */
                break;
        case REQUEST_READ_INCOMING:
                request->func.incoming(request->r, request->incoming, request->page.n,
                                       request->userdata);
                request->page.n = 0;
                break;
        case REQUEST_ASK:
                request->func.fate(request->r, request->fate, request->userdata);
                break;
        case REQUEST_READ_TOPICS:
                request->func.topics(request->r, request->topics.items, request->topics.n,
                                     request->userdata);
                break;
        case REQUEST_FORGET:
                answer_forget(request);
                break;
        case REQUEST_PUT:
        case REQUEST_SUBSCRIBE:
        case REQUEST_UNSUBSCRIBE:
                if (request->func.done)
                        request->func.done(request->r, request->userdata);
                break;
        case REQUEST_DELETE:
        case REQUEST_GIVE_UP:
        case REQUEST_KEEP:
        case REQUEST_ASSIGN:
        case REQUEST_FINISH:
        case REQUEST_DISCARD:
        case REQUEST_READ_SUBSCRIPTIONS:
        case REQUEST_TOUCH:
        case REQUEST_REPLACED:
        case REQUEST_UNREADABLE:
        case REQUEST_INBOX_DROPPED:
                break;
        }
}

void requests_append(Requests *list, Request *take) {
        take->next = NULL;
        if (list->last)
                list->last->next = take;
        else
                list->first = take;
        list->last = take;
        list->n++;
        list->bytes += request_footprint(take);
}

void requests_join(Requests *list, Requests *take) {
        if (!take->first)
                return;
        if (list->last)
                list->last->next = take->first;
        else
                list->first = take->first;
        list->last = take->last;
        list->n += take->n;
        list->bytes += take->bytes;
        *take = (Requests){0};
}

Request *requests_take_first(Requests *list) {
        Request *request = list->first;

        if (!request)
                return NULL;
        list->first = request->next;
        if (!list->first)
                list->last = NULL;
        list->n--;
        list->bytes -= request_footprint(request);
        request->next = NULL;
        return request;
}

void requests_remove(Requests *list, Request *request) {
        Requests kept = {0};
        Request *q;

        while ((q = requests_take_first(list)))
                if (q == request)
                        (void)request_free(q);
                else
                        requests_append(&kept, q);
        *list = kept;
}

void requests_done(Requests *list) {
        Request *request;

        while ((request = requests_take_first(list)))
                (void)request_free(request);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/request.h"

#include <assert.h>
#include <errno.h>

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
        spool_page_done(&request->page);
        incoming_page_done(&request->incoming);
        subscriptions_done(&request->subscriptions);
        free(request->seqs);
        free(request->client);
        free(request->filter);
        free(request->names);
        free(request->info);
        free(request);
        return NULL;
}

bool request_is_lazy(const Request *request) {
        return request->kind == REQUEST_DELETE || request->kind == REQUEST_ASSIGN ||
               request->kind == REQUEST_FINISH;
}

bool request_is_read(const Request *request) {
        return request->kind == REQUEST_READ || request->kind == REQUEST_READ_INCOMING ||
               request->kind == REQUEST_READ_SUBSCRIPTIONS;
}

size_t request_footprint(const Request *request) {
        size_t size = sizeof(*request);

        if (request->record.message)
                size += message_footprint(request->record.message);
        if (request->seqs)
                size += request->n * sizeof(*request->seqs);
        return size;
}

static int delete_all(const Request *request, Database *db) {
        int r = 0;

        for (size_t i = 0; r == 0 && i < request->n; i++)
                r = spool_delete(db, request->seqs[i]);
        return r;
}

static int execute(Request *q, Database *db, const StoreLimits *limits) {
        switch (q->kind) {
        case REQUEST_PUT:
                return spool_put(db, &q->record, limits);
        case REQUEST_DELETE:
                return delete_all(q, db);
        case REQUEST_READ:
                return spool_read(db, q->seq, q->max, q->max_bytes, &q->page);
        case REQUEST_KEEP:
                return incoming_keep(db, q->record.message, limits, &q->seq);
        case REQUEST_ASSIGN:
                return incoming_assign(db, q->seq, q->names, q->n);
        case REQUEST_FINISH:
                return incoming_finish(db, q->seq, q->client);
        case REQUEST_READ_INCOMING:
                return incoming_read(db, q->client, q->seq, q->max, &q->incoming);
        case REQUEST_SUBSCRIBE:
                return subscriptions_put(db, q->client, q->filter, q->qos);
        case REQUEST_UNSUBSCRIBE:
                return subscriptions_delete(db, q->client, q->filter);
        case REQUEST_READ_SUBSCRIPTIONS:
                return subscriptions_read(db, &q->subscriptions);
        case REQUEST_REPLACED:
                break;
        }
        assert(false);
        return -EINVAL;
}

int request_execute(Request *request, Database *db, const StoreLimits *limits) {
        request->r = execute(request, db, limits);
        return request->r;
}

void request_answer(Request *request) {
        switch (request->kind) {
        case REQUEST_READ:
                request->func.read(request->r, request->page.records, request->page.n,
                                   request->userdata);
                request->page.n = 0; /* the messages are theirs now */
                break;
        case REQUEST_READ_INCOMING:
                request->func.incoming(request->r, request->incoming.messages, request->incoming.n,
                                       request->userdata);
                request->incoming.n = 0;
                break;
        case REQUEST_PUT:
        case REQUEST_SUBSCRIBE:
        case REQUEST_UNSUBSCRIBE:
                if (request->func.done)
                        request->func.done(request->r, request->userdata);
                break;
        case REQUEST_DELETE:
        case REQUEST_KEEP:
        case REQUEST_ASSIGN:
        case REQUEST_FINISH:
        case REQUEST_READ_SUBSCRIPTIONS:
        case REQUEST_REPLACED:
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

void requests_done(Requests *list) {
        Request *request;

        while ((request = requests_take_first(list)))
                (void)request_free(request);
}

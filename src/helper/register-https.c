/* SPDX-License-Identifier: Apache-2.0 */
#include "helper/register-https.h"

#include "helper/registration.h"
#include "helper/service.h"

int register_https_run(const Request *request, Answer *answer) {
        _cleanup_(json_reply_freep) JsonReply *reply = NULL;
        _cleanup_(registration_done) Registration registration = {0};
        int r;

        r = registration_make(request, NULL, &registration);
        if (r < 0)
                return r;

        const SignParam params[] = {
                        {"productKey", request->product_key},
                        {"deviceName", request->device_name},
                        {"random", registration.random},
                        {"sign", registration.sign},
                        {"signMethod", sign_method_to_string(request->sign_method)},
        };
        r = service_call(request, "/auth/register/device", params, ARRAY_SIZE(params), answer,
                         &reply);
        if (r <= 0)
                return r;
        r = registration_take(request, json_reply_member(reply, "data"), answer);
        return r <= 0 ? r : service_answer_incomplete(request, answer);
}

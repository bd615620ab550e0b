/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Prints what a device writes into its CONNECT packet, and where it connects.
 *
 *         cc -std=c99 sign-device.c -liotlink -o sign-device
 *         SECRET=... ./sign-device PRODUCT_KEY DEVICE_NAME REGION
 *
 * The secret comes from the environment, as the command line is visible to everybody.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iotlink/sign.h>

int main(int argc, char **argv) {
        char host[IOTLINK_SIGN_HOST_SIZE], client_id[IOTLINK_SIGN_CLIENT_ID_SIZE];
        char username[IOTLINK_SIGN_USERNAME_SIZE], password[IOTLINK_SIGN_PASSWORD_SIZE];
        char sentence[200] = "";
        iotlink_sign_text error = {sentence, sizeof(sentence), 0};
        iotlink_sign_connect connect;
        iotlink_sign_identity identity;
        int r;

        if (argc != 4) {
                fprintf(stderr, "usage: %s PRODUCT_KEY DEVICE_NAME REGION\n", argv[0]);
                return 64;
        }

        memset(&identity, 0, sizeof(identity));
        identity.struct_size = sizeof(identity);
        identity.product_key = argv[1];
        identity.device_name = argv[2];
        identity.region = argv[3];
        identity.device_secret = getenv("SECRET");
        identity.method = IOTLINK_SIGN_HMACSHA256;
        identity.tls = 1;

        r = iotlink_sign_check(&identity, &error);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", argv[0], sentence[0] ? sentence : strerror(-r));
                return 1;
        }

        memset(&connect, 0, sizeof(connect));
        connect.host.data = host;
        connect.host.size = sizeof(host);
        connect.client_id.data = client_id;
        connect.client_id.size = sizeof(client_id);
        connect.username.data = username;
        connect.username.size = sizeof(username);
        connect.password.data = password;
        connect.password.size = sizeof(password);

        r = iotlink_sign_device(&identity, &connect);
        if (r < 0) {
                fprintf(stderr, "%s: cannot sign: %s\n", argv[0], strerror(-r));
                return 1;
        }

        printf("endpoint   %s:%u\n", host, (unsigned)connect.port);
        printf("client id  %s\n", client_id);
        printf("user name  %s\n", username);
        printf("password   %s\n", password);
        return 0;
}

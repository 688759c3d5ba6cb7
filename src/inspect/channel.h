/* The line between program and inspector.
 *
 * Descriptor 3 is a SOCK_SEQPACKET socket: first the request with the target's descriptors, then
 * references that the inspector asks for. Descriptor 4 is a pipe with the inspector's output:
 * frame records (frame.h, wire form) and the messages below in the same framing (u8 kind, le32
 * length). Everything the inspector sends is hostile. */
#pragma once
#include "frame/frame.h"

#define CHANNEL_CONTROL_FD 3
#define CHANNEL_OUTPUT_FD  4
#define CHANNEL_MAX_FDS    64
#define CHANNEL_MAX_PACKET 65536

enum channel_kind {
    CHANNEL_DATA = 64,     /* bytes of a file or disk */
    CHANNEL_PROGRESS = 65, /* le64 bytes read, le64 files, phase */
    CHANNEL_ERROR = 66,    /* u8 enum assay_error, message: the task failed */
    CHANNEL_END = 67,      /* le64 bytes read: the task is done */
    CHANNEL_TEXT = 68,     /* what the sandbox's check found */
};

/* A reference asked for: le32 token of the file that names it, the name as written. The answer: u8
 * CHANNEL_GRANTED, le32 token, name, with the descriptor of the file, or CHANNEL_SERVED, with that
 * of a connection through which it is read; or u8 enum assay_error, message. */
#define CHANNEL_GRANTED 255
#define CHANNEL_SERVED  254

/* Sends one packet with descriptors (borrowed). */
bool channel_send(int fd, const void *bytes, size_t len, const int *fds, size_t fd_count,
                  GError **error);
/* Receives one packet; descriptors become the caller's (at most CHANNEL_MAX_FDS). *len 0 at the
 * end. bytes must hold CHANNEL_MAX_PACKET. */
bool channel_receive(int fd, void *bytes, size_t *len, int *fds, size_t *fd_count, GError **error);

/* Splits the output pipe's bytes into messages. */
struct channel_reader {
    GByteArray *pending;
};
void channel_reader_clear(struct channel_reader *r);
/* Called per message; payload valid during the call. False with *error stops. */
typedef bool (*channel_message_func)(unsigned kind, struct cursor payload, void *user,
                                     GError **error);
bool channel_reader_feed(struct channel_reader *r, const void *bytes, size_t len,
                         channel_message_func func, void *user, GError **error);

/* Frames in files, as 'assay frame' writes them. */
#pragma once
#include "frame/frame.h"

/* The file, or standard input's pipe, as a frame. */
struct frame *cli_frame_read(const char *path, GError **error);
/* The file begins as a frame does. Anything that cannot be read does not. */
bool cli_frame_probe(const char *path);

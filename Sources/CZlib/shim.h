// CZlib: the system's zlib, the compression of git's objects. Never: anything of our own. Start with Deflate in
// GitWorkspace, its only user.
#pragma once
#include <zlib.h>

/* Uploaded sounds: whatever the bytes, the conversion ends, and what it calls a sound is one. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char in[64], out[64];
	struct stat st;
	int64_t len = -1;

	snprintf(in, sizeof(in), "/dev/shm/zx-fuzz-%d.in", (int)getpid());
	snprintf(out, sizeof(out), "/dev/shm/zx-fuzz-%d.out", (int)getpid());
	const int fd = open(in, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		__builtin_trap();
	close(fd);
	if (zx_convert_file(in, out, 5, &len) == ZX_CONVERT_OK) {
		if (stat(out, &st) || len < 100 || len > 5001 || st.st_size < 44 + 1600 || (st.st_size - 44) / 16 != len)
			__builtin_trap();
	}
	unlink(in);
	unlink(out);
	return 0;
}

/* What newlib asks of an operating system. There is none: no files, no heap. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/types.h>

int _close(int file);
int _fstat(int file, struct stat* status);
int _getpid(void);
int _isatty(int file);
int _kill(int process, int signal);
off_t _lseek(int file, off_t offset, int origin);
int _read(int file, char* buffer, int size);
void* _sbrk(ptrdiff_t increment);
int _write(int file, const char* buffer, int size);
void _exit(int code);

static int fail(void) {
  errno = ENOSYS;
  return -1;
}

int _close(int file) { return (void)file, fail(); }
int _fstat(int file, struct stat* status) { return (void)file, (void)status, fail(); }
int _getpid(void) { return 1; }
int _isatty(int file) { return (void)file, 0; }
int _kill(int process, int signal) { return (void)process, (void)signal, fail(); }
off_t _lseek(int file, off_t offset, int origin) { return (void)file, (void)offset, (void)origin, fail(); }
int _read(int file, char* buffer, int size) { return (void)file, (void)buffer, (void)size, fail(); }
int _write(int file, const char* buffer, int size) { return (void)file, (void)buffer, (void)size, fail(); }

void* _sbrk(ptrdiff_t increment) {
  (void)increment;
  errno = ENOMEM;
  return (void*)-1;
}

void _exit(int code) {
  (void)code;
  for (;;) {
  }
}

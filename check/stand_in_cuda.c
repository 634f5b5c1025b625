// For a test of `partialfc check`: what it asks libcuda.so.1, libcudart.so.13 and libnccl.so.2, answered without a GPU.
#include <stddef.h>
#include <stdio.h>

static int answer(int *out, int value) {
  *out = value;
  return 0;
}

int cuDriverGetVersion(int *version) { return answer(version, 13000); }
int cudaRuntimeGetVersion(int *version) { return answer(version, 13000); }
int ncclGetVersion(int *version) { return answer(version, 22304); }
int cuInit(unsigned flags) { return (int)flags; }
int cuDeviceGetCount(int *count) { return answer(count, 1); }
int cuDeviceGet(int *device, int ordinal) { return answer(device, ordinal + 7); }
int cuDeviceGetName(char *name, int length, int device) {
  snprintf(name, (size_t)length, device == 7 ? "Stand-in GPU" : "another");
  return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  *bytes = 80000000000;
  return device == 7 ? 0 : 1;
}

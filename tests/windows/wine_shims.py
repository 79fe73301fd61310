"""For tests under Wine alone: functions of the C run time that Wine 8 lacks, and Windows has.

Loaded by every Python of `.windows/` when it starts, and by nothing else. numpy asks for the parts of complex numbers
and TensorFlow for `feholdexcept`; in Wine's ucrtbase these are stubs that abort. What is written over them does what
the C standard says, but for `feholdexcept`, that here only saves the state and leaves traps as they are.
"""

import ctypes
from ctypes import wintypes

_READ_WRITE_EXECUTE = 0x40  # PAGE_EXECUTE_READWRITE
# x86-64, in Windows' convention: a complex of two floats comes in rcx, one of two doubles by reference.
_PARTS = {
    b"crealf": "66 0f 6e c1 c3",  # movd xmm0, ecx; ret
    b"cimagf": "48 c1 e9 20 66 0f 6e c1 c3",  # shr rcx, 32; movd xmm0, ecx; ret
    b"creal": "f2 0f 10 01 c3",  # movsd xmm0, [rcx]; ret
    b"cimag": "f2 0f 10 41 08 c3",  # movsd xmm0, [rcx + 8]; ret
}


def install() -> None:
    """Only under Wine. Raises `OSError` if the code cannot be changed."""
    if not hasattr(ctypes.WinDLL("ntdll"), "wine_get_version"):
        return
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.GetModuleHandleW.restype = ctypes.c_void_p
    kernel32.GetProcAddress.restype = ctypes.c_void_p
    kernel32.GetProcAddress.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    kernel32.VirtualProtect.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.DWORD),
    ]
    runtime = kernel32.GetModuleHandleW("ucrtbase.dll")
    codes = {name: bytes.fromhex(code) for name, code in _PARTS.items()}
    if saves := kernel32.GetProcAddress(runtime, b"fegetenv"):
        codes[b"feholdexcept"] = b"\x48\xb8" + saves.to_bytes(8, "little") + b"\xff\xe0"  # mov rax, fegetenv; jmp rax
    for name, code in codes.items():
        if at := kernel32.GetProcAddress(runtime, name):
            before = wintypes.DWORD()
            if not kernel32.VirtualProtect(at, len(code), _READ_WRITE_EXECUTE, ctypes.byref(before)):
                raise ctypes.WinError(ctypes.get_last_error())
            ctypes.memmove(at, code, len(code))
            kernel32.VirtualProtect(at, len(code), before.value, ctypes.byref(before))


install()

try:
    import _winapi

    del _winapi.CopyFile2  # Wine 8 aborts in it; shutil does without
except (ImportError, AttributeError):
    pass

"""What a person's terminal and an agent's have in common: lines, echoed, and telnet's commands between them.

Bytes in, bytes out: nothing here knows a socket.
"""

from __future__ import annotations

MAX_LINE = 200

_CR, _LF, _NUL, _BACKSPACE, _DELETE = 13, 10, 0, 8, 127
_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_BINARY, _ECHO, _SUPPRESS_GO_AHEAD = 0, 1, 3


class Dialogue:
    """One session. Its subclass answers lines; `ended`: hang up; `refused`: and not before a pause."""

    def __init__(self) -> None:
        self.ended = self.refused = False
        self.echo = True
        self._line, self._after_cr = bytearray(), False

    def begin(self) -> str:
        """What is shown first."""
        raise NotImplementedError

    def answer(self, line: str) -> str:
        """What is shown for a line, the next prompt included."""
        raise NotImplementedError

    def greet(self) -> bytes:
        """The first bytes."""
        return _wire(self.begin())

    def receive(self, data: bytes) -> bytes:
        """What is sent for bytes that came. A line ends once: at CR, LF, CR LF or CR NUL."""
        out = bytearray()
        for byte in data:
            if self.ended:
                break
            second_half, self._after_cr = self._after_cr and byte in (_LF, _NUL), byte == _CR
            if not second_half:  # it would show a second prompt, and the agent would read each answer one line late
                out += self._byte(byte)
        return bytes(out)

    def _byte(self, byte: int) -> bytes:
        if byte in (_CR, _LF):
            line, self._line = self._line.decode("ascii"), bytearray()
            newline = b"\r\n" if self.echo else b""
            return newline + _wire(self.answer(line.strip()))
        if byte in (_BACKSPACE, _DELETE):
            del self._line[-1:]
        elif 32 <= byte < 127:
            self._line.append(byte)
            self.ended = len(self._line) > MAX_LINE
            return bytes([byte]) if self.echo else b""
        return b""


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("ascii", "replace")


class Telnet:
    """Takes telnet's commands out of a stream, and gives the few answers that a client waits for (RFC 854, 856-858)."""

    greeting = bytes([_IAC, _WILL, _ECHO, _IAC, _WILL, _SUPPRESS_GO_AHEAD])

    def __init__(self) -> None:
        self._state, self._verb = "data", 0
        self._said = {(_WILL, _ECHO), (_WILL, _SUPPRESS_GO_AHEAD)}

    def receive(self, raw: bytes) -> tuple[bytes, bytes]:
        """The data in what came, and what is to be sent for the rest."""
        data, reply = bytearray(), bytearray()
        for byte in raw:
            if self._state == "data" and byte != _IAC:
                data.append(byte)
            elif self._state == "option":
                reply += self._answer(byte)
                self._state = "data"
            else:
                data += self._command(byte)
        return bytes(data), bytes(reply)

    def _command(self, byte: int) -> bytes:
        """One byte of a command; it gives data when it was an escaped 255."""
        match self._state:
            case "data":
                self._state = "command"
            case "command" if byte in (_DO, _DONT, _WILL, _WONT):
                self._verb, self._state = byte, "option"
            case "command":
                self._state = "subnegotiation" if byte == _SB else "data"
                return bytes([_IAC]) if byte == _IAC else b""
            case "subnegotiation":
                self._state = "its end" if byte == _IAC else "subnegotiation"
            case _:
                self._state = "data" if byte == _SE else "subnegotiation"
        return b""

    def _answer(self, option: int) -> bytes:
        if self._verb in (_DONT, _WONT):
            return b""
        yes, no = (_WILL, _WONT) if self._verb == _DO else (_DO, _DONT)
        known = option in (_BINARY, _SUPPRESS_GO_AHEAD) or (self._verb == _DO and option == _ECHO)
        answer = (yes if known else no, option)
        if answer in self._said:  # each once: no loops
            return b""
        self._said.add(answer)
        return bytes([_IAC, *answer])

import ControlSocket
import DeviceCore
import Primitives

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

private func systemWrite(_ file: Int32, _ bytes: [UInt8], _ count: Int) -> Int { write(file, bytes, count) }
private func systemRead(_ file: Int32, _ bytes: inout [UInt8], _ count: Int) -> Int { read(file, &bytes, count) }

/// An emergency stop that was asked for while no agent ran: a file of its own, since the database has one writer. The
/// next start reads it before it does anything else, and removes it once the stop is in the database.
package enum StopFile {
    /// Durable on return.
    package static func write(_ call: StopCall, home: Home) throws(SetupFailure) {
        var call = call
        // Now, and not when the next agent starts: that may be weeks later.
        call.at = call.at ?? UInt64(clamping: AuditTrail.unixMilliseconds)
        let bytes: [UInt8]
        do { bytes = try ControlJSON.encode(call) } catch { throw failed(home, "\(error)") }
        let new = home.stopFile + ".new"
        let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failed(home, String(cString: strerror(errno))) }
        let isWritten = systemWrite(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        close(file)
        guard isWritten, rename(new, home.stopFile) == 0 else {
            throw failed(home, String(cString: strerror(errno)))
        }
        let folder = open(home.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Nil without one. One that cannot be read stops too: better once too often.
    static func read(home: Home, by device: DeviceID) -> StopOrder? {
        let file = open(home.stopFile, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Limits.storedValueBytes)
        let count = max(0, systemRead(file, &bytes, bytes.count))
        let call = try? ControlJSON.decode(StopCall.self, from: Array(bytes.prefix(count)))
        return StopOrder(call ?? StopCall(kind: "emergency", everywhere: true), .emergency, by: device)
    }

    package static func remove(home: Home) { unlink(home.stopFile) }

    private static func failed(_ home: Home, _ why: String) -> SetupFailure {
        SetupFailure(
            code: ExitCode.failed, message: "cannot write \(home.stopFile): \(why)",
            hint: "free some space, then: baton emergency-stop")
    }
}

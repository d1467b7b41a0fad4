import Foundation
import Glibc
import Primitives
import Synchronization
import Testing

@testable import GitWorkspace

@Suite struct StableReadTests {
    /// Rewrites one file with one of two patterns until stopped.
    private final class Alternator: @unchecked Sendable {
        // Proof: `stopped` is atomic; everything else is set before the thread starts.
        private let stopped = Atomic<Bool>(false)
        private let path: String
        private let reopens: Bool
        private let started = DispatchSemaphore(value: 0)
        private let done = DispatchSemaphore(value: 0)

        init(_ path: String, reopens: Bool) {
            self.path = path
            self.reopens = reopens
            Thread { self.run() }.start()
            started.wait()
        }

        static func pattern(_ round: Int) -> [UInt8] { [UInt8](repeating: round % 2 == 0 ? 65 : 66, count: 1 << 20) }

        private func run() {
            let patterns = [Self.pattern(0), Self.pattern(1)]
            var round = 0
            var descriptor = open(path, O_WRONLY | O_CLOEXEC)
            while !stopped.load(ordering: .relaxed) {
                if reopens {
                    close(descriptor)
                    descriptor = open(path, O_WRONLY | O_CLOEXEC)
                }
                _ = patterns[round % 2].withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
                if round == 0 { started.signal() }
                round += 1
            }
            close(descriptor)
            done.signal()
        }

        func stop() {
            stopped.store(true, ordering: .relaxed)
            done.wait()
        }
    }

    @Test(arguments: [true, false])
    func `W2 a file that is being rewritten is one version or the other, or held back`(reopens: Bool) async throws {
        let fixture = try await CaptureFixture()
        try fixture.write(Array("big".utf8), Alternator.pattern(0))
        try fixture.write("calm", "1")
        try fixture.setBase(try fixture.captured())
        let writer = Alternator(fixture.root + "/big", reopens: reopens)
        defer { writer.stop() }
        var (captured, held) = (0, 0)
        for number in 0..<12 {
            try fixture.write("calm", "calm \(number)")
            let result = try fixture.capture()
            let revision = try #require(result.revision)
            let files = try fixture.files(revision)
            let big = try #require(files[Array("big".utf8)])
            // After some rounds it is captured as it is, and said to be so (C3).
            if result.held == [HeldPath(path: Array("big".utf8), reason: .unsettled)] { break }
            #expect(big == Alternator.pattern(0) || big == Alternator.pattern(1))
            #expect(files[Array("calm".utf8)] == Array("calm \(number)".utf8))
            if result.held.isEmpty { captured += 1 } else { held += 1 }
            #expect(result.held.isEmpty || result.held == [HeldPath(path: Array("big".utf8), reason: .hot)])
        }
        #expect(captured + held > 3)
    }

    @Test func `C3 a file held open and written all the time keeps its last version, the rest goes on`() async throws {
        let fixture = try await CaptureFixture()
        try fixture.write("log", "start\n")
        try fixture.setBase(try fixture.captured())
        let writer = Alternator(fixture.root + "/log", reopens: false)
        try fixture.write("other", "new")
        let result = try fixture.capture()
        writer.stop()
        let revision = try #require(result.revision)
        #expect(try fixture.text(revision, "other") == "new")
        #expect(try fixture.text(revision, "log") == "start\n")
        #expect(result.held == [HeldPath(path: Array("log".utf8), reason: .hot)])
        #expect(try fixture.text(try fixture.captured(), "log")?.utf8.count == 1 << 20)
    }
}

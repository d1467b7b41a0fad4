import Foundation
import NIOCore
import Primitives
import Testing

@testable import ControlSocket

@Suite struct ControlMessageTests {
    @Test func aMessageComesBackAsItWas() {
        for body in ["{}", "[1,2,{\"a\":\"}\\\"]\"}]", "\"text\"", "12.5", "null", "{\"id\":3}"] {
            let message = ControlMessage(id: 7, kind: "gate.enter", body: Array(body.utf8))
            #expect(ControlMessage(parsing: message.bytes) == message)
        }
    }

    @Test func orderSpaceAndForeignFieldsDoNotMatter() {
        let text = " { \"extra\" : [ {\"id\":9} ] , \"body\" : { \"a\" : 1 } ,\n\"kind\":\"status\", \"id\" : 4 } "
        let message = ControlMessage(parsing: Array(text.utf8))
        #expect(message == ControlMessage(id: 4, kind: "status", body: Array("{ \"a\" : 1 }".utf8)))
    }

    @Test func anyBytesAreReadWithoutATrap() {
        var generator = SeededGenerator(seed: 11)
        let alphabet = Array("{}[]\",:\\ 0123456789idknbody\n".utf8)
        let good = ControlMessage(id: 12, kind: "echo", body: Array("{\"a\":[1,\"\\\"\"]}".utf8)).bytes
        for run in 0..<20_000 {
            var bytes = good
            if run.isMultiple(of: 2) {
                bytes = (0..<generator.below(40)).map { _ in alphabet[Int(generator.below(UInt64(alphabet.count)))] }
            } else {
                for _ in 0...generator.below(3) {
                    bytes[Int(generator.below(UInt64(bytes.count)))] = UInt8(generator.below(256))
                }
                bytes = Array(bytes.prefix(Int(generator.below(UInt64(bytes.count + 1)))))
            }
            if let message = ControlMessage(parsing: bytes) { #expect(ControlMessage.isKind(message.kind.utf8)) }
        }
    }

    @Test func framesAreCutAlikeHoweverTheBytesArrive() throws {
        var generator = SeededGenerator(seed: 5)
        let messages = (1...20).map { number in
            ControlMessage(
                id: number, kind: "echo", body: Array("\"\(String(repeating: "x", count: Int(number * 7)))\"".utf8))
        }
        var all: [UInt8] = []
        for message in messages {
            all += try #require(ControlFrames.frame(message, allocator: ByteBufferAllocator())).readableBytesView
        }
        for _ in 0..<50 {
            var frames = ControlFrames()
            var read: [ControlMessage?] = []
            var rest = all[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int(generator.below(40)) + 1)
                rest = rest.dropFirst(piece.count)
                var buffer = ByteBuffer(bytes: piece)
                frames.append(&buffer)
                while let frame = try frames.next() { read.append(ControlMessage(parsing: frame)) }
            }
            #expect(read == messages && !frames.isInsideFrame)
        }
    }
}

import Crypto
import Foundation
import Primitives
import Testing

@testable import Identity

/// A directory that is gone after the test.
final class Scratch {
    let path: String
    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/baton-identity-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func mode(_ file: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + file)
        return try #require(attributes[.posixPermissions] as? Int)
    }
}

@Suite struct DeviceIdentityTests {
    @Test func aCreatedKeyIsLoadedAgainWithTheSameID() throws {
        let scratch = try Scratch()
        let made = try DeviceIdentity.create(in: scratch.path + "/a/keys", name: "läptop")
        let loaded = try DeviceIdentity.load(from: scratch.path + "/a/keys")
        #expect(loaded.id == made.id)
        #expect(loaded.name == "läptop")
        #expect(loaded.certificateDER == made.certificateDER)
        #expect(loaded.privateKeyDER() == made.privateKeyDER())
        #expect(try scratch.mode("a/keys") == 0o700)
        #expect(try scratch.mode("a/keys/device.pem") == 0o600)
        let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/a/keys")
        #expect(files == ["device.pem"])
    }

    @Test func aKeyIsNeverReplaced() throws {
        let scratch = try Scratch()
        let made = try DeviceIdentity.create(in: scratch.path + "/k", name: "a")
        let path = scratch.path + "/k/device.pem"
        #expect(throws: IdentityError.alreadyExists(path: path)) {
            try DeviceIdentity.create(in: scratch.path + "/k", name: "b")
        }
        #expect(try DeviceIdentity.load(from: scratch.path + "/k").id == made.id)
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o666]) func aKeyThatOthersMayReadIsRefused(mode: Int) throws {
        let scratch = try Scratch()
        _ = try DeviceIdentity.create(in: scratch.path + "/k", name: "a")
        let path = scratch.path + "/k/device.pem"
        chmod(path, mode_t(mode))
        #expect(throws: IdentityError.readableByOthers(path: path, mode: UInt32(mode))) {
            try DeviceIdentity.load(from: scratch.path + "/k")
        }
    }

    @Test func aDirectoryOpenToOthersIsRefused() throws {
        let scratch = try Scratch()
        _ = try DeviceIdentity.create(in: scratch.path + "/k", name: "a")
        chmod(scratch.path + "/k", 0o755)
        let expected = IdentityError.readableByOthers(path: scratch.path + "/k", mode: 0o755)
        #expect(throws: expected) { try DeviceIdentity.load(from: scratch.path + "/k") }
        #expect(throws: expected) { try DeviceIdentity.create(in: scratch.path + "/k", name: "b") }
    }

    @Test func missingLinkedAndDamagedFilesAreNamed() throws {
        let scratch = try Scratch()
        let directory = scratch.path + "/k"
        let path = directory + "/device.pem"
        #expect(throws: IdentityError.missing(path: path)) { try DeviceIdentity.load(from: directory) }
        _ = try DeviceIdentity.create(in: directory, name: "a")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let other = try DeviceIdentity.create(in: scratch.path + "/other", name: "b")
        let otherText = try String(contentsOfFile: scratch.path + "/other/device.pem", encoding: .utf8)
        let key = try #require(text.range(of: "-----BEGIN CERTIFICATE"))
        let otherKey = try #require(otherText.range(of: "-----BEGIN CERTIFICATE"))
        let mixed = text[..<key.lowerBound] + otherText[otherKey.lowerBound...]
        for garbage in ["", "hello", String(text.prefix(100)), String(text[..<key.lowerBound]), String(mixed)] {
            try garbage.write(toFile: path, atomically: false, encoding: .utf8)
            #expect(throws: IdentityError.garbage(path: path)) { try DeviceIdentity.load(from: directory) }
        }
        unlink(path)
        symlink(scratch.path + "/other/device.pem", path)
        #expect(throws: IdentityError.notAFile(path: path)) { try DeviceIdentity.load(from: directory) }
        #expect(try DeviceIdentity.load(from: scratch.path + "/other").id == other.id)
    }

    @Test func printingShowsNoKey() throws {
        let identity = try DeviceIdentity.ephemeral(name: "quiet")
        let raw = identity.privateKeyDER()
        var dumped = ""
        dump(identity, to: &dumped)
        for text in ["\(identity)", String(reflecting: identity), dumped, String(describing: [identity])] {
            #expect(text.contains("quiet"))
            #expect(!text.contains(Hex.encode(raw.suffix(8))))
            #expect(!text.lowercased().contains("key"))
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 64), "a\nb", "a\u{1b}[31m"]) func badNamesAreRefused(
        name: String
    ) {
        #expect(throws: IdentityError.badName(name)) { try DeviceIdentity.ephemeral(name: name) }
    }

    @Test func theIDIsWhatOpenSSLSays() throws {
        let scratch = try Scratch()
        let identity = try DeviceIdentity.create(in: scratch.path + "/k", name: "a")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c", "openssl x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum", "sh",
            scratch.path + "/k/device.pem",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(String(decoding: output, as: UTF8.self).hasPrefix(identity.id.description))
    }

    @Test func deviceIDOfAnyBytesIsTotal() throws {
        let identity = try DeviceIdentity.ephemeral(name: "a")
        let good = identity.certificateDER
        #expect(deviceID(ofCertificateDER: good) == identity.id)
        #expect(deviceID(ofCertificateDER: []) == nil)
        #expect(deviceID(ofCertificateDER: good + good) == nil)
        var generator = SeededGenerator(seed: 7)
        for length in 0..<good.count { #expect(deviceID(ofCertificateDER: Array(good.prefix(length))) == nil) }
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0...generator.below(3) {
                bytes[Int(generator.below(UInt64(good.count)))] = UInt8(truncatingIfNeeded: generator.next())
            }
            _ = deviceID(ofCertificateDER: bytes)
        }
    }
}

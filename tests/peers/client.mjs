// Postmark's npm client in the comparison: node client.mjs URL, which then reads lines such as `single 500`.
import { createInterface } from "node:readline";
import { Models, ServerClient } from "postmark";

const host = new URL(process.argv[2]).host;
const client = new ServerClient("made-up-token-4711", { useHttps: false, requestHost: host, timeout: 10 });
const mail = new Models.TemplatedMessage(
  "noreply@example.com", "logto-sign-in", { code: "123456", locale: "de" }, "a@example.com");
const most = 500;

function check(answers, count) {
  if (answers.length !== count || answers.some((one) => !one.MessageID)) throw new Error("not sent");
}

function cut(count) {
  const sizes = [];
  for (let start = 0; start < count; start += most) sizes.push(Math.min(most, count - start));
  return sizes;
}

const ways = {
  async single(count) {
    for (let number = 0; number < count; number++) check([await client.sendEmailWithTemplate(mail)], 1);
  },
  async batch(count) {
    for (const size of cut(count)) check(await client.sendEmailBatchWithTemplates(Array(size).fill(mail)), size);
  },
  async "batch, 4 at once"(count) {
    const sizes = cut(count);
    const work = async () => {
      while (sizes.length) {
        const size = sizes.pop();
        check(await client.sendEmailBatchWithTemplates(Array(size).fill(mail)), size);
      }
    };
    await Promise.all([work(), work(), work(), work()]);
  },
};

console.log(Object.keys(ways).join("\t"));
for await (const line of createInterface({ input: process.stdin })) {
  const [, way, count] = /^(.*) (\d+)$/.exec(line);
  const started = performance.now();
  await ways[way](Number(count));
  console.log((performance.now() - started) / 1000);
}

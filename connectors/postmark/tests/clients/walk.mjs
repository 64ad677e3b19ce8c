// Walks through the sandbox with Postmark's own npm client and prints what came back, as JSON.
import { Errors, Models, ServerClient } from "postmark";

const [host, token] = process.argv.slice(2);
const client = new ServerClient(token, { useHttps: false, requestHost: host, timeout: 20 });
const mail = { From: "sandbox@example.com", To: "ann@example.com", TextBody: "Hello", Subject: "Hello" };
const templated = new Models.TemplatedMessage(
  "Shop <sandbox@example.com>", "logto-sign-in", { code: "123456" }, "Ann <ann@example.com>");

async function refusal(promise, kind) {
  try {
    await promise;
    return null;
  } catch (error) {
    return { isKind: error instanceof kind, code: error.code, status: error.statusCode, message: error.message,
      recipients: error.recipients };
  }
}

const seen = {};
seen.server = await client.getServer();
seen.sent = await client.sendEmail(mail);
seen.batch = await client.sendEmailBatch([mail, { ...mail, To: "nobody" }, mail]);
seen.templated = await client.sendEmailWithTemplate(templated);
seen.templatedBatch = await client.sendEmailBatchWithTemplates([templated, { ...templated, TemplateAlias: "nope" }]);
seen.templates = await client.getTemplates({ count: 3, offset: 1 });
seen.layout = await client.createTemplate({
  Name: "Frame", Alias: "frame", TemplateType: "Layout", HtmlBody: "<main>{{{@content}}}</main>" });
seen.created = await client.createTemplate({
  Name: "Hi", Alias: "hi", Subject: "Hi {{name}}", HtmlBody: "<p>{{name}}</p>", LayoutTemplate: "frame" });
seen.edited = await client.editTemplate("hi", { Name: "Hello", Subject: "Hello {{name}}" });
seen.template = await client.getTemplate("hi");
seen.layouts = await client.getTemplates({ templateType: "Layout" });
seen.validation = await client.validateTemplate({ Subject: "{{name}}", HtmlBody: "{{#each items}}{{.}}{{/each}}" });
seen.deleted = await client.deleteTemplate(seen.created.TemplateId);
seen.streams = await client.getMessageStreams();
seen.stream = await client.getMessageStream("outbound");
seen.inactive = await refusal(
  client.sendEmail({ ...mail, To: "HardBounce@bounce-testing.postmarkapp.com" }), Errors.InactiveRecipientsError);
seen.invalid = await refusal(client.sendEmail({ ...mail, To: "nobody" }), Errors.InvalidEmailRequestError);
seen.stranger = await refusal(
  new ServerClient("wrong", { useHttps: false, requestHost: host }).getServer(), Errors.InvalidAPIKeyError);
console.log(JSON.stringify(seen));
